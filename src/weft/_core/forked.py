"""The end of a process that a task forked, when that task ends.

The child ends as the interpreter ends with its main thread: an error is printed, SystemExit is the
exit status, threads that are not daemons are waited for, streams are flushed. What the parent
registered with ``atexit`` does not run: it is the parent's.
"""

import os
import signal
import sys
from contextlib import suppress

__all__ = ["end"]


def status_of(error: BaseException | None) -> int:
    """Print `error`, unless it only asks for an exit; return the exit status."""
    if isinstance(error, SystemExit):
        code = error.code
        if code is None or isinstance(code, int):
            return (code or 0) & 0xFF
        print(code, file=sys.stderr)
        return 1
    if error is None:
        return 0
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def end(error: BaseException | None) -> None:
    """End the process; `error` is what the task that forked it raised, or None. Never returns."""
    from weft._core.errors import Cancelled

    status = 1
    try:
        status = status_of(None if isinstance(error, Cancelled) else error)
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
    except BaseException:
        with suppress(BaseException):
            sys.__excepthook__(*sys.exc_info())
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    if type(error) is KeyboardInterrupt:  # as the shell expects of a program that Ctrl-C ended
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)
