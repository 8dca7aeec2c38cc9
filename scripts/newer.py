"""Make a Debian that has a newer Python, and run a command on a copy of the project in it (see `scripts/newer`).

Runs in a mount namespace of its own. A root for each suite holds every Python that was asked for, and below /weft a copy of
the project for each of them. A copy changes only the files that differ, so that what was built there stays good.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RELEASE = os.environ.get("DEBIAN_RELEASE") or "sid"
ROOTS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "weft", "roots")
ROOT = ROOTS / RELEASE
LOG = ROOTS / f"{RELEASE}.log"
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h

# What a build of weft and of its dependencies takes, and what its tests call. A wheel for a new Python is often missing.
PACKAGES = "gcc g++ make pkg-config libcurl4-openssl-dev libssl-dev libffi-dev libpq5 ca-certificates openssl git iproute2 procps"
# The archive may be a snapshot whose signature is older than apt likes.
APT = 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "false";\nDpkg::Options:: "--force-unsafe-io";\n'
PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
# Makes the root the root of the mount namespace. In one that was entered by chroot the kernel refuses user namespaces, and tests use them.
ENTER = 'mount --rbind "$1" "$1" && cd "$1" && pivot_root . mnt && cd "$2" && umount -l /mnt && shift 2 && exec "$@"'
STAYS_OUTSIDE = ("PATH", "PYTHON", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR", "XDG_CACHE_HOME")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def unavailable(why: str) -> None:
    """Say why there is no root, and end."""
    say(f"scripts/newer: {why}")
    sys.exit(UNAVAILABLE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; a second run waits."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another run uses {path.with_suffix('')}; waiting for it to end ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def logged(*command: str | Path) -> bool:
    """Run a command with its output in the log; true if it succeeded."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with open(LOG, "ab") as log:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment).returncode == 0


def inside(path: Path | str) -> Path:
    """Return where a path of this machine is in the root."""
    return ROOT / str(path).lstrip("/")


def last_line() -> str:
    """Return the last line of the log that is not empty."""
    return next((line for line in reversed(LOG.read_text(errors="replace").splitlines()) if line.strip()), "")


def mirror() -> str | None:
    """Return the Debian archive that apt uses here, or None for debootstrap's own choice."""
    if named := os.environ.get("DEBIAN_MIRROR"):
        return named
    if shutil.which("apt-get") is None:
        return None
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.split("\n")
    # Lists that were never fetched have no origin, but an address that says what it is.
    places = [address for origin, _, address in (line.partition(" ") for line in lines) if origin == "Debian" or "/debian/" in address]
    return next((place for place in places if "security" not in place), None)


def check(archive: str) -> None:
    """End where the archive does not answer, before debootstrap leaves half a root behind."""
    address = f"{archive.rstrip('/')}/dists/{RELEASE}/Release"
    try:
        urllib.request.urlopen(address, timeout=20).close()
    except OSError as error:
        unavailable(f"no Debian archive answers ({address}: {error}). DEBIAN_MIRROR=... names another one.")


def make() -> None:
    """Make the root, unless it is there."""
    if ROOT.exists():
        return
    say(f"Making a Debian {RELEASE} in {ROOT} (once; a minute or two) ...")
    archive = mirror()
    LOG.write_bytes(b"")
    new = ROOTS / f"{RELEASE}.new"
    shutil.rmtree(new, ignore_errors=True)
    source: list[str] = []
    if archive is not None:
        check(archive)
        # Debian's debootstrap of yesterday has no file for the suite of tomorrow; that of sid serves all.
        source = [archive, "/usr/share/debootstrap/scripts/sid"]
    if not logged("debootstrap", "--variant=minbase", RELEASE, new, *source):
        unavailable(f"debootstrap failed: {last_line()} ({LOG} has the rest)")
    (new / "etc/apt/apt.conf.d/90weft").write_text(APT)
    (new / "weft").mkdir()
    new.rename(ROOT)


def bind(source: Path, target: Path) -> None:
    """Show a folder of this machine in the root."""
    target.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "--rbind", source, target]).returncode:
        unavailable(f"{source} cannot be mounted in {ROOT}.")


def put(source: Path, target: Path) -> None:
    """Copy a file of this machine into the root. A mount of it would let the root's programs write to this machine's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(target.name + ".new")
    shutil.copyfile(source, new)
    new.replace(target)  # and not through a symbolic link, which would lead out of the root


def mount() -> None:
    """Show the kernel's file systems in the root, with an empty /tmp."""
    for place in ("/proc", "/sys", "/dev"):
        bind(Path(place), inside(place))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", ROOT / "tmp"], check=True)


def configure() -> None:
    """Give the root the resolver's settings and pip's, with the files and folders that these and the environment name."""
    files = [path for path in (Path(name).expanduser() for name in PIP_FILES) if path.is_file()]
    for path in files:
        put(path, ROOT / "root" / path.relative_to(Path.home()) if path.is_relative_to(Path.home()) else inside(path))
    texts = [path.read_text() for path in files]
    texts += [value for name, value in os.environ.items() if name.startswith("PIP_") or "CERT" in name or "_CA_" in name]
    named = {Path(word) for text in texts for word in re.findall(r"/[^\s'\",:]+", text)}
    named = {path.parent if path.name == "simple" else path for path in named}  # the files of an index are often beside it
    for path in (*sorted(named), Path("/etc/resolv.conf"), Path("/etc/hosts")):
        if path.is_file():
            put(path, inside(path))
        elif path.is_dir() and not (inside(path).is_dir() and any(inside(path).iterdir())):  # wheels; certificates it has
            bind(path, inside(path))
            subprocess.run(["mount", "-o", "remount,bind,ro", inside(path)], check=True)


def install(version: str) -> Path:
    """Install a Python and its test-suite in the root, unless it is there. Returns where its copy of the project is."""
    copy = ROOT / "weft" / version
    stamp = ROOT / "weft" / f"{version}.stamp"
    if not stamp.exists():
        say(f"Installing Python {version} in it (once; a minute or two) ...")
        wanted = [*PACKAGES.split(), f"python{version}-dev", f"python{version}-venv", f"libpython{version}-testsuite"]
        chroot = ("chroot", ROOT, "apt-get", "-qq")
        if not (logged(*chroot, "update") and logged(*chroot, "install", "--yes", *wanted) and logged(*chroot, "clean")):
            unavailable(f"Python {version} could not be installed in Debian {RELEASE}: {last_line()} ({LOG} has the rest)")
        stamp.touch()
    copy.mkdir(exist_ok=True)
    return copy


def bring(copy: Path) -> None:
    """Make `copy` hold the project's files as they are here; what was built there stays."""
    listing = ("git", "-C", PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    wanted = {name for name in names if name and (PROJECT / name).is_file()}
    listed = copy / ".copied"
    before = set(listed.read_text().split("\0")) if listed.exists() else set()
    listed.write_text("\0".join(before | wanted))
    for name in before - wanted:
        (copy / name).unlink(missing_ok=True)
    for name in wanted:
        source, target = PROJECT / name, copy / name
        if not (target.is_file() and target.read_bytes() == source.read_bytes() and target.stat().st_mode == source.stat().st_mode):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)  # with the time of now: it is newer than what was built of the old one
            shutil.copymode(source, target)
    listed.write_text("\0".join(wanted))


def main() -> int:
    """Run the command, and return its exit status."""
    version, *command = sys.argv[1:]
    ROOTS.mkdir(parents=True, exist_ok=True)
    with locked(ROOTS / f"{RELEASE}.lock"):
        make()
        mount()
        copy = install(version)
        configure()  # after the installation, which writes certificates, too
    with locked(copy.with_name(f"{version}.lock")):
        bring(copy)
        (PROJECT / ".conformance").mkdir(exist_ok=True)
        bind(PROJECT / ".conformance", copy / ".conformance")
        kept = {name: value for name, value in os.environ.items() if name not in STAYS_OUTSIDE}
        kept |= {
            "PYTHON": f"/usr/bin/python{version}",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
        }
        return subprocess.run(["unshare", "--mount", "sh", "-c", ENTER, "sh", ROOT, f"/weft/{version}", *command], env=kept).returncode


if __name__ == "__main__":
    sys.exit(main())
