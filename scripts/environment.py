"""Make a virtual environment with weft built in it, and print the path of its interpreter (see `scripts/environment`).

What was installed is remembered by a stamp, which holds everything that the installation depends on: an unchanged stamp
means that only the Cython modules that changed are built again. Progress and errors go to standard error.
"""

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = "{}.{}".format(*sys.version_info)
FOLDER = ROOT / ".venv" / VERSION
INTERPRETER = FOLDER / "bin" / "python"
DEBIAN_NAMES = f"On Debian and Ubuntu: apt install python3-dev python3-venv gcc (here perhaps python{VERSION}-dev, python{VERSION}-venv)."


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Run a command in the project's folder with its output on standard error; true if it succeeded."""
    output = subprocess.DEVNULL if quiet else sys.stderr
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode == 0


def check_compiler() -> None:
    """Say what is missing before a compiler does so in its own words."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        sys.exit(f"weft is built by a C compiler, and {compiler} is not installed. {DEBIAN_NAMES} CC=... names another one.")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        sys.exit(f"weft is built with Python's headers, and {header} is not installed. {DEBIAN_NAMES}")


def create() -> None:
    """Create the environment by whichever of three ways this Python allows."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    say(f"Making an environment for Python {VERSION} in {FOLDER} ...")
    if importlib.util.find_spec("ensurepip") and run(sys.executable, "-m", "venv", FOLDER, quiet=True):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    # Debian's python3 without python3-venv: a bare environment, which the pip outside of it fills.
    if run(sys.executable, "-m", "venv", "--without-pip", FOLDER, quiet=True) and run(
        sys.executable, "-m", "pip", "--python", INTERPRETER, "install", "pip", quiet=True
    ):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    if run(sys.executable, "-m", "virtualenv", FOLDER, quiet=True):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(
        f"No virtual environment could be made with {sys.executable}: it has neither ensurepip nor a pip that reaches a package index. "
        + DEBIAN_NAMES
    )


def install(extra: str) -> None:
    """Install weft, editable, with the packages that it is built with and those of an extra."""
    say(f"Building weft and installing what it needs{f' for {extra}' if extra else ''} (once; a minute or two) ...")
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pip = (INTERPRETER, "-m", "pip", "--disable-pip-version-check", "install", "-qq")
    if not run(*pip, *requirements):
        sys.exit(
            "pip could not install the packages that weft is built with: its words stand above. The first run needs a package index.\n"
            "Check the network, or point pip at a mirror (PIP_INDEX_URL=...) or at a folder of wheels (PIP_NO_INDEX=1 PIP_FIND_LINKS=...)."
        )
    if not run(*pip, "--no-build-isolation", "--editable", f"{ROOT}[{extra}]" if extra else str(ROOT)):
        sys.exit("pip could not build weft or install what it needs: its words, or the compiler's, stand above.")


def build() -> None:
    """Build the Cython modules that changed, beside their sources."""
    if not run(INTERPRETER, "setup.py", "--quiet", "build_ext", "--inplace", "--parallel", str(os.cpu_count() or 1)):
        sys.exit("The Cython modules could not be built: the compiler's words stand above.")


def digest() -> str:
    """What an installation depends on: the project's files, where it lies, and the interpreter."""
    parts = [str(ROOT), sys.version, sys.base_prefix]
    parts += [(ROOT / name).read_text() for name in ("pyproject.toml", "setup.py")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def main() -> None:
    extra = sys.argv[1] if len(sys.argv) > 1 else ""
    FOLDER.parent.mkdir(exist_ok=True)
    with open(f"{FOLDER}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        check_compiler()
        stamp = FOLDER / f"weft-{extra or 'base'}.stamp"
        if stamp.exists() and stamp.read_text() == digest() and run(INTERPRETER, "-c", "", quiet=True):
            build()
        else:
            if not any(other.read_text() == digest() for other in FOLDER.glob("weft-*.stamp")):
                create()
            install(extra)
            stamp.write_text(digest())
    print(INTERPRETER)


if __name__ == "__main__":
    main()
