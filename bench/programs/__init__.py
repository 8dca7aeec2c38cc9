"""The programs that are not Python: where their compilers are, and what they make. Each is built once a version of its source.

Go and Java are taken from PATH where they are new enough, else from the Debian that ``scripts/peers`` unpacks: a root of its own, so that
the machine stays what it is.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft-bench"
NEWER = Path(os.environ.get("WEFT_BENCH_ROOT") or CACHE / "debian")


def c(name: str, *options: str) -> Path:
    """The program made of ``<name>.c``."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    libraries = ["-lssl", "-lcrypto"] if "-DTLS" in options else []
    return built(HERE / f"{name}.c", "".join(options), lambda source, made: [compiler, "-O2", *options, "-o", made, source, *libraries])


def built(source: Path, kind: str, command: Callable[[Path, Path], list[str | Path]]) -> Path:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    made = CACHE / f"{source.stem}{kind}-{digest}"
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        environment = {**os.environ, "GOCACHE": str(CACHE / "go"), "GOPATH": str(CACHE / "go"), "CGO_ENABLED": "0", "GO111MODULE": "off"}
        subprocess.run([str(word) for word in command(source, fresh)], check=True, env=environment)
        fresh.rename(made)
    return made


def go_compiler() -> str | None:
    """The newest Go that is here."""
    ours = sorted(NEWER.glob("usr/lib/go-1.*/bin/go"))
    return str(ours[-1]) if ours else shutil.which("go")


def go() -> list[str | Path]:
    """The command of ``works.go``."""
    compiler = go_compiler()
    if compiler is None:
        raise FileNotFoundError("go is not installed: scripts/peers brings it")
    return [built(HERE / "works.go", "", lambda source, made: [compiler, "build", "-o", made, source])]


def java_home() -> Path | None:
    """Where a Java with virtual threads (21 or newer) is: its folder, inside the newer Debian or not."""
    program = shutil.which("java")
    homes = [
        *Path("/usr/lib/jvm").glob("java-*"),
        *([Path(program).resolve().parent.parent] if program else []),
        *NEWER.glob("usr/lib/jvm/java-2*-openjdk*"),
    ]
    for home in homes:
        if (home / "release").exists() and (home / "bin" / "javac").exists() and int(java_version(home).partition(".")[0]) >= 21:
            return home
    return None


def java_version(home: Path) -> str:
    return (home / "release").read_text().split('JAVA_VERSION="')[1].split('"')[0]


def java() -> list[str | Path]:
    """The command of ``Works.java``, run from source by a Java that may live in a root of its own."""
    home = java_home()
    if home is None:
        raise FileNotFoundError("no Java with virtual threads (21 or newer) is installed: scripts/peers brings it")
    options: list[str | Path] = ["-XX:+UseSerialGC", "-Xmx8g"]
    if NEWER not in home.parents:
        return [home / "bin" / "java", *options, HERE / "Works.java"]
    inside = Path("/", home.relative_to(NEWER))
    shutil.copy(HERE / "Works.java", NEWER / "tmp")
    # a mount namespace of its own for /proc, which Java reads; every step replaces itself, so the process that was started is Java
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    return ["unshare", "--mount", "sh", "-c", script, NEWER, inside / "bin" / "java", *options, "/tmp/Works.java"]


def wrk() -> list[str | Path] | None:
    """The command of wrk, which loads HTTP servers."""
    found = shutil.which("wrk")
    if found:
        return [found]
    return ["chroot", NEWER, "/usr/bin/wrk"] if (NEWER / "usr/bin/wrk").exists() else None


COMMANDS: dict[str, Callable[[], list[str | Path]]] = {"go": go, "java": java}
