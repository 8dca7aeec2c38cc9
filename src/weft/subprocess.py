"""The cooperative twin of ``subprocess``: waiting for a child and for its pipes parks the task.

A child's end is waited for through its pidfd (Linux 5.3), so no signal handler is taken from the program; elsewhere by looking with growing
pauses. Starting a child (fork and exec) is the standard library's own.
"""

import io as _io
import os as _os
import signal as _signal
import subprocess as _standard
import types as _types
from subprocess import *  # noqa: F403  # the twin has the standard module's names
from typing import Any

from weft import native as _native
from weft._core.accepting import share as _share
from weft._core.cancellation import move_on_after as _move_on_after
from weft._core.descriptors import closing as _closing
from weft._core.descriptors import wait_readable as _wait_readable
from weft._core.looks import look_until as _look_until
from weft.pipes import open_pipe as _open_pipe

_PAUSES = 0.0005, 0.05  # seconds, the first and the longest
_LAST_BREATH = 5.0  # seconds for which the end of a killed child is waited for, even by a cancelled task


class _Files(_types.ModuleType):
    """The ``io`` that Popen sees: what it opens are pipes that park."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_io, name)

    open = staticmethod(_open_pipe)


_standard_fork_exec: Any = getattr(_standard, "_fork_exec", None)


def _fork_exec(args: Any, executables: Any, close_fds: bool, keep: Any, *rest: Any) -> Any:
    if not close_fds or len(keep) > 1:  # one is the pipe by which the child reports its start
        _share()
    return _standard_fork_exec(args, executables, close_fds, keep, *rest)


_standard_wait = _standard.Popen._wait  # type: ignore[attr-defined]
_standard_send_signal = _standard.Popen.send_signal


def _send_signal(self: Any, sig: int) -> None:
    _standard_send_signal(self, sig)
    if sig == _signal.SIGKILL:
        self._weft_killed = True


def _wait(self: Any, timeout: float | None) -> Any:
    if getattr(self, "_weft_killed", False):  # it is about to end: a cancelled task, too, takes it in, as subprocess.run means to
        with _move_on_after(_LAST_BREATH, shield=True):
            _await_end(self, timeout)
    return _await_end(self, timeout)


def _await_end(self: Any, timeout: float | None) -> Any:
    if self.returncode is None and timeout != 0 and _is_child(self.pid):
        try:
            number = _os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            _look(self, timeout)
        else:
            try:
                _wait_readable(number, timeout)
            except TimeoutError:
                raise _standard.TimeoutExpired(self.args, timeout or 0) from None
            finally:
                _closing(number)
                _os.close(number)
    return _standard_wait(self, timeout)


def _is_child(pid: int) -> bool:
    """Return whether `pid` is a child of this process: a forked one has its parent's Popen, and must not wait for that end."""
    try:
        _native.waitid(_os.P_PID, pid, _os.WEXITED | _os.WNOHANG | _os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _look(self: Any, timeout: float | None) -> None:
    if _look_until(self.poll, *_PAUSES, timeout) is None:
        raise _standard.TimeoutExpired(self.args, timeout or 0)


__patches__ = {
    "subprocess": {"io": _Files("io"), **({"_fork_exec": _fork_exec} if _standard_fork_exec else {})},
    "subprocess.Popen": {"_wait": _wait, "send_signal": _send_signal},
}
