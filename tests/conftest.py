"""What every test can use: programs in a process of their own, for whatever can crash, hang or patch the standard library."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from weft.demo.certificate import Certificate, make

settings.register_profile("weft", deadline=None, derandomize=True, database=None)  # no clock, no chance, nothing left behind
settings.load_profile("weft")

FLAGS = [f"-W{option}" for option in sys.warnoptions] + ["-Xdev"] * sys.flags.dev_mode

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost and 127.0.0.1, and the authority to trust."""
    return make(tmp_path_factory.mktemp("certificate"), ["localhost", "127.0.0.1"])


@contextmanager
def serving(*words: str) -> Iterator[int]:
    """A server in a process of its own (see tests/server.py); its port."""
    command = [sys.executable, str(Path(__file__).parent / "server.py"), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The URL of an HTTP server."""
    with serving() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def secure_site(certificate: Certificate) -> Iterator[str]:
    """The URL of an HTTPS server whose authority is ``certificate.authority``."""
    with serving(str(certificate.chain), str(certificate.key)) as port:
        yield f"https://localhost:{port}"


@pytest.fixture
def run_python() -> RunPython:
    """`run_python(source, *arguments, check=True, timeout=30, stdin=None, **environment)`: run a program in a new interpreter.

    The source is dedented; the environment is this process's with the given variables set (None takes one away), and so are
    `-X dev` and `-W`. Returns the completed process, with `stdout` and `stderr` as text. With `check`, a non-zero exit status
    fails the test and shows the output. After `timeout` seconds the process dies by SIGABRT, with the stacks of its threads on
    its standard error.
    """

    def run(
        source: str, *arguments: str, check: bool = True, timeout: float = 30, stdin: str | None = None, **environment: str | None
    ) -> "subprocess.CompletedProcess[str]":
        variables = {**os.environ, "PYTHONFAULTHANDLER": "1", **environment}
        process = subprocess.Popen(
            [sys.executable, *FLAGS, "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in variables.items() if value is not None},
            start_new_session=True,
        )
        with process:
            try:
                stdout, stderr = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGABRT)  # its children hold its pipes
                stdout, stderr = process.communicate()
                pytest.fail(f"the program did not end within {timeout} seconds\n{stdout}\n{stderr}")
        if check and process.returncode != 0:
            pytest.fail(f"the program ended with status {process.returncode}\n{stdout}\n{stderr}")
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run
