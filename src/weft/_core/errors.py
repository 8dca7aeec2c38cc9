"""The exception tree of weft, drawn once.

    BaseException
      Cancelled                    raised at each wait inside a task, or a scope, that was cancelled
      Exception
        WeftError
          DeadlockError            nothing can ever wake the main task
          ChannelClosed            nothing can be sent to a channel, or is left in it
          WouldBlock               a call that must not wait would have to
        ShutDown                   nothing can be put into a queue, or is left in it; ``queue.ShutDown`` where the standard library has it
        Warning
          LatePatchWarning         patched after somebody had taken the original

Everything else that weft raises is the standard library's own: ``TimeoutError``, ``OSError``, ``queue.Empty``,
``concurrent.futures.CancelledError`` (what ``Task.result`` raises for a task that was cancelled).
"""

import queue

__all__ = ["Cancelled", "ChannelClosed", "DeadlockError", "LatePatchWarning", "ShutDown", "WeftError", "WouldBlock"]


class Cancelled(BaseException):
    """Raised at the call that waits, in a task after ``Task.cancel()``, or in a scope that was cancelled or whose time is over.

    It is a ``BaseException``, so that ``except Exception`` does not swallow it. It comes again at each later wait, until the scope is
    left or the task ends. Let it pass: the scope, or the task, is what it is meant for.
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


class ChannelClosed(WeftError):
    """The channel is closed: nothing can be sent, and nothing is left to be received. ``channel`` is the one."""

    def __init__(self, channel: object = None) -> None:
        super().__init__(f"{channel!r} is closed")
        self.channel = channel


class WouldBlock(WeftError):
    """A call that must not wait would have to: nothing is there to be received, or nobody receives."""


class ShutDown(Exception):
    """The queue was shut down: nothing can be put in, and nothing is left to be got."""


ShutDown = getattr(queue, "ShutDown", ShutDown)  # type: ignore[misc]  # from Python 3.13


class LatePatchWarning(UserWarning):
    """``weft.monkey`` patched a module after others had already taken its originals."""
