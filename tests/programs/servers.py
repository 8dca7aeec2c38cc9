"""Real servers for the tests, from Debian's packages: the installed one, or one unpacked beside the build, without installing anything.

Each listens on 127.0.0.1 alone, in a folder of its own, and ends with the test.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.origin import free_port

CACHE = Path(__file__).parents[2] / "build" / "servers"
CONNECTIONS = 1100


def apt(*words: str) -> str:
    """Run apt-get on lists and a cache of our own."""
    options = [f"Dir::State={CACHE}/state", "Dir::State::status=/var/lib/dpkg/status", f"Dir::Cache={CACHE}/cache", "Debug::NoLocking=1"]
    command = ["apt-get", "-q", *(word for option in [*options, "APT::Sandbox::User="] for word in ("-o", option)), *words]
    return subprocess.run(command, cwd=CACHE / "packages", check=True, capture_output=True, text=True, timeout=300).stdout


def program(package: str, *places: str) -> tuple[Path, dict[str, str]]:
    """The path of a server, and the environment to start it in. Skips the test where Debian's packages cannot be had."""
    for root in (Path("/"), CACHE / package):
        for place in places:
            for found in sorted(root.glob(place)):
                libraries = ":".join(str(folder) for folder in root.glob("usr/lib/*-linux-gnu*"))
                return found, dict(os.environ) if root == Path("/") else {**os.environ, "LD_LIBRARY_PATH": libraries}
    if (CACHE / package).exists() or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip(f"needs Debian's package {package}")
    for folder in ("packages", "state/lists/partial", "cache/archives/partial"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    apt("update")
    plan = apt("--simulate", "--no-install-recommends", "install", package)
    apt("download", *(line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")))
    for archive in (CACHE / "packages").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, CACHE / package], check=True)
        archive.unlink()
    return program(package, *places)


def hand_over(folder: Path) -> str | None:
    """Who runs the server: for root nobody, who must reach `folder` and own it."""
    if os.geteuid() != 0:
        return None
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody")
    for above in folder.parents:
        if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
    return "nobody"


@contextmanager
def started(
    command: list[str], folder: Path, port: int, environment: dict[str, str] | None = None, owner: str | None = None
) -> Iterator[int]:
    """Run a server in `folder` until the block ends; it must answer at `port` within 30 seconds."""
    log = (folder / "log").open("wb")
    with log, subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, user=owner) as process:
        try:
            end = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > end:
                        pytest.fail(f"the server did not start:\n{(folder / 'log').read_text(errors='replace')}")
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@contextmanager
def serving(command: list[object], environment: dict[str, str], folder: Path, port: int) -> Iterator[int]:
    """Run one of Debian's servers."""
    with started([str(word) for word in command], folder, port, environment, hand_over(folder)):
        yield port


@contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """A PostgreSQL whose superuser `weft` needs no password; its port."""
    initdb, environment = program("postgresql", "usr/lib/postgresql/*/bin/initdb")
    data = folder / "data"
    data.mkdir()
    owner = hand_over(folder)
    making = [initdb, "-D", data, "-A", "trust", "-U", "weft", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run(making, env=environment, cwd=folder, check=True, capture_output=True, user=owner, timeout=60)
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": CONNECTIONS, "fsync": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with serving([initdb.with_name("postgres"), "-D", data, "-p", port, *options], environment, folder, port):
        yield port


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """A Redis without persistence; its port."""
    server, environment = program("redis-server", "usr/bin/redis-server", "usr/local/bin/redis-server")
    port = free_port()
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--maxclients", CONNECTIONS, "--dir", folder]
    with serving([server, *options], environment, folder, port):
        yield port


@contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """A MariaDB that lets everybody in; its port."""
    server, environment = program("mariadb-server-core", "usr/sbin/mariadbd")
    root = server.parents[2]
    port = free_port()
    (folder / "data").mkdir()
    options = [f"--datadir={folder}/data", f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket", "--skip-grant-tables"]
    options += [
        f"--max-connections={CONNECTIONS}",
        f"--lc-messages-dir={root}/usr/share/mysql",
        "--back-log=1000",
        "--skip-name-resolve",
        "--thread-handling=one-thread-per-connection",
    ]
    options += [f"--character-sets-dir={root}/usr/share/mysql/charsets", f"--pid-file={folder}/pid", f"--tmpdir={folder}"]
    with serving([server, "--no-defaults", *options], environment, folder, port):
        yield port
