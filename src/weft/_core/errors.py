"""The exception tree of weft, drawn once.

    BaseException
      Cancelled                    raised inside a task that was cancelled
      Exception
        WeftError
          DeadlockError            nothing can ever wake the main task
        Warning
          LatePatchWarning         patched after somebody had taken the original

Everything else that weft raises is the standard library's own: ``TimeoutError``, ``OSError``, ``queue.Empty``,
``concurrent.futures.CancelledError`` (what ``Task.result`` raises for a task that was cancelled).
"""

__all__ = ["Cancelled", "DeadlockError", "LatePatchWarning", "WeftError"]


class Cancelled(BaseException):
    """Raised inside a task at the call where it waits, after ``Task.cancel()``.

    It is a ``BaseException``, so that ``except Exception`` does not swallow it. It comes again at each later wait of the same task.
    """


class WeftError(Exception):
    """The base of the errors that are weft's own."""


class DeadlockError(WeftError):
    """Nothing can ever wake the main task: no task can run, and no timer, descriptor, signal or thread is left to wait for.

    The message lists each parked task with what it waits for and where. ``tasks`` holds the same as a tuple of strings.
    """

    def __init__(self, message: str, tasks: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.tasks = tasks


class LatePatchWarning(UserWarning):
    """``weft.monkey`` patched a module after others had already taken its originals."""
