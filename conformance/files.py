"""The files of CPython's test-suite that meet what weft replaces."""

import importlib.util
from pathlib import Path

__all__ = ["FILES", "own", "present"]

FILES = [
    "test_socket",
    "test_ssl",
    "test_select",
    "test_selectors",
    "test_poll",
    "test_epoll",
    "test_threading",
    "test_thread",
    "test_threading_local",
    "test_thread_local_bytecode",
    "test_queue",
    "test_subprocess",
    "test_signal",
    "test_time",
    "test_context",
    "test_sched",
    "test_urllib",
    "test_urllib2",
    "test_urllib2_localnet",
    "test_urllib_response",
    "test_httplib",
    "test_httpservers",
    "test_socketserver",
    "test_ftplib",
    "test_smtplib",
    "test_poplib",
    "test_imaplib",
    "test_nntplib",
    "test_telnetlib",
    "test_asyncore",
    "test_asynchat",
    "test_xmlrpc",
    "test_wsgiref",
    "test_logging",
    "test_concurrent_futures",
    "test_asyncio",
    "test_multiprocessing_fork",
    "test_multiprocessing_spawn",
    "test_multiprocessing_forkserver",
    "test_os",
    "test_io",
    "test_fileio",
    "test_contextlib",
    "test_tempfile",
    "test_robotparser",
    "test_docxmlrpc",
    "test_sqlite3",
]


def own(name: str) -> bool:
    """Whether this Python came with the file `name`."""
    spec = importlib.util.find_spec("test")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    return any((folder / f"{name}.py").exists() or (folder / name).is_dir() for folder in folders)


def present(lent: Path | None = None) -> list[str]:
    """Those of FILES that this Python has, or the folder `lent`. RuntimeError if this Python came without its test-suite."""
    found = [name for name in FILES if own(name)]
    if not found:
        raise RuntimeError("this Python came without its test-suite; on Debian it is in the package libpython3-testsuite")
    return [name for name in FILES if name in found or (lent is not None and (lent / f"{name}.py").exists())]
