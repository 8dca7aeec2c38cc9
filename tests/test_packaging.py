"""What a user gets from an index: the sdist builds into a wheel, and the wheel works alone."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted(
    path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".pyx", ".pxd", ".pyi", ".h", ".css") or path.name == "py.typed"
)

BUILD = "import sys; from setuptools import build_meta as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command, and return the last line that it printed; a failure shows all of them."""
    completed = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **environment}
    )
    if completed.returncode != 0:
        pytest.fail(f"{command} failed\n{completed.stdout}\n{completed.stderr}")
    return completed.stdout.rstrip().rpartition("\n")[2]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree") / "weft"
    unwanted = ignore_patterns(".*", "dist", "*.so", "*.egg-info", "__pycache__")
    copytree(ROOT, tree, ignore=lambda folder, names: {*unwanted(folder, names), *(["build"] if Path(folder) == ROOT else [])})
    output = tmp_path_factory.mktemp("sdist")
    return output / run(sys.executable, "-c", BUILD, "build_sdist", output, cwd=tree)


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index")
    run(*pip, "--wheel-dir", output, sdist, cwd=output, WEFT_DEBUG="1")  # without optimisation it compiles in half the time
    (built,) = output.glob("*.whl")
    return built


def test_the_installed_version_is_the_projects() -> None:
    assert importlib.metadata.version("weft") == PROJECT["version"]


def test_the_changelog_has_the_version_on_top() -> None:
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == PROJECT["version"]


def test_every_cython_module_has_a_stub() -> None:
    assert [path for path in SOURCES if path.suffix == ".pyx" and not path.with_suffix(".pyi").exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sdist_holds_what_it_takes_to_build_and_test(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").glob("*")]
    wanted += [ROOT / name for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md")]
    assert {str(path.relative_to(ROOT)) for path in wanted if path.is_file()} - names == set()
    assert [name for name in names if name.endswith((".so", ".pyc", ".c"))] == ["bench/programs/echo.c"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {str(path.relative_to(ROOT / "src")) for path in SOURCES} - names == set()
    assert {name.partition("/")[0] for name in names} == {"weft", "pytest_weft.py", f"weft-{PROJECT['version']}.dist-info"}
    built = {re.sub(r"\.[^/]*$", ".pyx", name) for name in names if name.endswith(".so")}
    assert built == {str(path.relative_to(ROOT / "src")) for path in SOURCES if path.suffix == ".pyx"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_works_when_installed(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=tmp_path)
    program = "import weft; print(weft.__file__, weft.spawn(len, 'weft').result())"
    assert run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(target)) == f"{target / 'weft' / '__init__.py'} 4"
