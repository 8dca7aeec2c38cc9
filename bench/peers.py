"""Which peers are here, of which version, and where the others come from."""

import importlib.util
import os
import re
import shutil
import subprocess

from bench import programs

BUILT_IN = {"weft", "asyncio", "asyncio_streams", "threads", "limit"}
MODULES = {"uvloop_streams": "uvloop", "pywsgi": "gevent"}
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
SAYING = {
    "curl": ["curl", "--version"],
    "wget2": ["wget2", "--version"],
    "nginx": ["nginx", "-v"],
    "gcc": ["cc", "--version"],
    "openssl": ["openssl", "version"],
}
DEBIAN = {"curl": "curl", "wget2": "wget2", "nginx": "nginx", "wrk": "wrk", "C": "gcc libssl-dev"}


def present(peer: str) -> bool:
    """Whether `peer` can be measured here."""
    if peer in BUILT_IN:
        return True
    if peer == "go":
        return programs.go_compiler() is not None
    if peer == "java":
        return programs.java_home() is not None
    if peer == "wrk":
        return programs.wrk() is not None
    if peer in DEBIAN:
        return shutil.which("cc" if peer == "C" else peer, path=PATH) is not None
    return importlib.util.find_spec(MODULES.get(peer, peer)) is not None


def hint(peer: str) -> str:
    """How to get it."""
    if peer in programs.COMMANDS:
        return "scripts/peers brings it"
    return f"apt install {DEBIAN[peer]}" if peer in DEBIAN else f"pip install {MODULES.get(peer, peer)}"


def versions() -> dict[str, str]:
    """Of the peers that are not Python's."""
    compiler, home = programs.go_compiler(), programs.java_home()
    found = {}
    if compiler:
        found["go"] = subprocess.run([compiler, "version"], capture_output=True, text=True).stdout.split()[2].removeprefix("go")
    if home:
        found["java"] = programs.java_version(home)
    return found | {name: version for name, words in SAYING.items() if (version := said(words))}


def said(words: list[str]) -> str | None:
    """The first version number that a program says."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    except OSError:
        return None
    number = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return number[0] if number else None
