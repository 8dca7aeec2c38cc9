"""The folder of sources and environments, outside of the repository: fill it, and tell what is missing.

Only `fetch` calls pip, and only the subcommand of that name calls `fetch`.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

from compatibility.libraries import Library

__all__ = ["CACHE", "fetch", "interpreter", "link", "missing", "source", "unpack"]

ROOT = Path(__file__).parent.parent
CACHE = Path(
    os.environ.get("WEFT_COMPATIBILITY") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft" / "compatibility"
)
VERSION = "{}.{}".format(*sys.version_info)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECORDER = "weft_compatibility_recorder"


def environment(library: Library) -> Path:
    """Return the folder of the library's virtual environment for this Python."""
    return CACHE / "environments" / VERSION / f"{library.name}-{library.version}"


def interpreter(library: Library) -> Path:
    """Return the interpreter of the library's environment."""
    return environment(library) / "bin" / "python"


def source(library: Library, given: Path | None = None) -> Path | None:
    """Return the library's sdist or its unpacked folder: from the folder `given`, or else from the cache. None if neither has it."""
    names = {library.name.lower(), library.name.lower().replace("-", "_"), library.name.lower().replace(".", "_").replace("-", "_")}
    for folder in (given, CACHE / "sources"):
        if folder is None or not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            name = path.name.removesuffix(".tar.gz").lower()
            if name in {f"{name}-{library.version}" for name in names} or (path.is_dir() and name in names):
                return path
    return None


def stamp(library: Library) -> Path:
    """Return the file that says what an environment was made of; it is written when that is complete."""
    return environment(library) / "made-of.txt"


def requirements(library: Library) -> list[str]:
    """Return all that is installed in the library's environment."""
    return ["pytest", *PROJECT["dependencies"], library.requirement, *library.requires]


def made_of(library: Library) -> str:
    """Return the text of the stamp."""
    return "\n".join([*requirements(library), *library.bare])


def missing(library: Library, given: Path | None = None) -> str:
    """Return what a run of the library's suite lacks; empty if nothing."""
    if source(library, given) is None:
        return f"no source {library.name}-{library.version}"
    if not stamp(library).exists() or stamp(library).read_text() != made_of(library):
        return f"no environment for Python {VERSION}"
    if library.server and shutil.which(f"{library.server}-server") is None:
        return f"no {library.server}-server on PATH"
    return ""


def fetch(library: Library, given: Path | None, log: Path) -> bool:
    """Get the library's sdist, unless it is there, and make its environment. Return True if both succeeded; `log` has pip's words."""
    with open(log, "ab") as words:

        def run(*command: str | Path) -> bool:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words).returncode == 0

        # the pip of this Python serves all environments, and modules are compiled as they are imported: a third of the time
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", interpreter(library))
        shutil.rmtree(environment(library), ignore_errors=True)
        if not run(sys.executable, "-m", "venv", "--without-pip", environment(library)):
            return False
        if source(library, given) is None:
            wanted = ("--no-deps", "--no-binary", library.name, f"{library.name}=={library.version}")
            if not run(*pip, "download", "-q", "-d", CACHE / "sources", *wanted):
                return False
        if not run(*pip, "install", "-q", "--no-compile", *requirements(library)):
            return False
        if library.bare and not run(*pip, "install", "-q", "--no-compile", "--no-deps", *library.bare):
            return False
    stamp(library).write_text(made_of(library))
    return True


def link(library: Library) -> None:
    """Install this repository's weft in the library's environment, by links, with its entry points and its record; and the recorder."""
    for folder in (environment(library) / "lib").glob("python3*/site-packages"):
        for name in ("weft", "pytest_weft.py"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(ROOT / "src" / name)
        described = folder / f"weft-{PROJECT['version']}.dist-info"
        described.mkdir(exist_ok=True)
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: weft\nVersion: {PROJECT['version']}\n")
        points = {"console_scripts": PROJECT["scripts"], **PROJECT["entry-points"]}
        lines = [
            line for group, names in points.items() for line in (f"[{group}]", *(f"{name} = {place}" for name, place in names.items()))
        ]
        (described / "entry_points.txt").write_text("\n".join(lines) + "\n")
        # pytest rewrites the assertions of all files that the record of an installed plugin names
        files = [file.relative_to(ROOT / "src") for file in sorted((ROOT / "src").rglob("*.py"))]
        (described / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        shutil.copy(Path(__file__).parent / "recorder.py", folder / f"{RECORDER}.py")


def unpack(library: Library, path: Path, folder: Path) -> Path:
    """Copy the library's source `path` to below `folder`, and return where its files lie."""
    if path.is_dir():
        shutil.copytree(path, folder / path.name, symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    else:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    for name in library.remove:
        shutil.rmtree(unpacked / name)
    return unpacked
