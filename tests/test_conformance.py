"""A representative part of CPython's own test-suite, as it is, under ``weft run``; docs/conformance.md has the whole of it."""

from pathlib import Path

import pytest
from conformance import files, table
from conformance.run import run

QUICK = [
    "test_select",
    "test_poll",
    "test_epoll",
    "test_thread",
    "test_threading_local",
    "test_sched",
    "test_context",
    "test_time",
    "test_signal",
    "test_threading",
    "test_urllib2_localnet",
    "test_httpservers",
    "test_socketserver",
    "test_poplib",
    "test_xmlrpc",
    "test_wsgiref",
    "test_docxmlrpc",
    "test_ssl",
    "test_subprocess",
]


def absent() -> str:
    """Why this Python cannot be asked."""
    try:
        files.present()
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(absent()), reason=absent())
@pytest.mark.parametrize("name", QUICK)
def test_cpythons_own_tests(name: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    results = run(name, "weft", log)
    ended = {test: how for test, how in results.items() if how not in ("passed", "skipped")}
    assert set(ended) <= set(table.named()), log.read_text(errors="replace")[-20000:]
    assert "passed" in results.values(), log.read_text(errors="replace")[-20000:]
