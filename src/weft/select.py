"""The cooperative twin of ``select``: ``select``, ``poll`` and ``epoll`` park the task.

Each asks the operating system once without waiting. With something ready it charges the cooperative budget, so that a loop which always
finds something starves nobody. With nothing ready, the descriptors stand in an epoll object of their own, which can
itself be waited for: one wait, however many descriptors.

The module can be called, too: ``weft.select(channel, queue, ...)`` waits for the first of several things (see ``weft._core.choice``).
"""

import errno as _errno
import math as _math
import operator as _operator
import os as _os
import select as _standard
import sys as _sys
import time as _time
import types as _types
from collections.abc import Iterable
from select import *  # noqa: F403  # the twin has the standard module's names, whatever they are on this platform
from typing import Any, Self

from weft import native as _native
from weft._core.budget import charge_question as _charge_question
from weft._core.choice import select as _choose
from weft._core.current import sleep as _sleep
from weft._core.descriptors import closing as _closing
from weft._core.descriptors import descriptor_number as _number
from weft._core.descriptors import wait_readable as _wait_readable
from weft._core.timers import exact_seconds as _exact_seconds
from weft.builtin import stands_for as _stands_for

_clock = _time.monotonic
_READ = _standard.POLLIN | _standard.POLLPRI
_WRITE = _standard.POLLOUT
_INTERESTS = _standard.POLLIN, _standard.POLLOUT, _standard.POLLPRI  # of select's three lists
_ANSWERS = (  # the events that select(2) takes for an answer
    _standard.POLLIN | _standard.POLLHUP | _standard.POLLERR,
    _standard.POLLOUT | _standard.POLLERR,
    _standard.POLLPRI,
)
_SETSIZE = 1024  # FD_SETSIZE
_LONGEST = 2**31 - 1  # milliseconds that poll(2) takes
_REALS = _sys.version_info >= (3, 15)  # whatever has __float__ is a timeout, and poll() takes any
_PAUSES = 0.0005, 0.05  # seconds, the first and the longest, where the platform has no epoll


class _Watch:
    """Descriptors to wait for together, for the length of a call: an epoll object; without one the caller looks again and again."""

    def __init__(self, interests: Iterable[tuple[int, int]]) -> None:
        self.pause, self.longest = _PAUSES
        self.epoll = _native.epoll() if _native.epoll is not None else None
        if self.epoll is None:
            return
        merged: dict[int, int] = {}
        for number, events in interests:
            merged[number] = merged.get(number, 0) | events
        for number, events in merged.items():
            try:
                self.epoll.register(number, events)  # the bits of poll and of epoll are the same
            except PermissionError:
                continue  # a regular file: always ready, the first look has said so
            except BaseException as error:
                self.close()
                if getattr(error, "errno", None) != _errno.ELOOP:
                    raise
                self.epoll = None  # it may not be one deeper
                return

    def wait(self, timeout: float | None) -> bool:
        """Park until something may be ready; False if `timeout` seconds passed before."""
        if self.epoll is None:
            _sleep(self.pause if timeout is None else min(self.pause, timeout))
            self.pause = min(self.pause * 2, self.longest)
            return timeout is None or timeout > 0
        try:
            _wait_readable(self.epoll.fileno(), timeout)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Close the epoll object."""
        if self.epoll is not None:
            _closing(self.epoll.fileno())
            self.epoll.close()


def _seconds(timeout: Any, kind: str) -> float:
    """Return `timeout`, seconds, as the standard module reads it; `kind`: what it asks for."""
    try:
        return _exact_seconds(timeout)
    except TypeError:
        words = f"a real number or None, not {type(timeout).__name__}" if _REALS else f"{kind} or None"
        raise TypeError(f"timeout must be {words}") from None


def _poll_seconds(timeout: Any, unit: int) -> float | None:
    """Return the seconds of a poller's `timeout`, so many of them a second; None: without end."""
    if timeout is None:
        return None
    if unit == 1:
        seconds = _seconds(timeout, "an integer")
    elif hasattr(type(timeout), "__index__"):
        try:
            whole = _operator.index(timeout)
        except TypeError:
            raise TypeError("timeout must be an integer or None") from None
        _exact_seconds(whole // unit)
        seconds = whole / unit
    elif isinstance(timeout, float) or (_REALS and hasattr(type(timeout), "__float__")):
        seconds = _seconds(float(timeout) / unit, "an integer")
    else:
        seconds = _seconds(timeout, "an integer")  # no time at all: it raises
    milliseconds = _math.copysign(_math.ceil(abs(seconds) * 1000), seconds)
    if unit != 1 and _REALS:
        _exact_seconds(seconds)
    elif not -_LONGEST - 1 <= milliseconds <= _LONGEST:
        raise OverflowError("timeout is too large")
    return None if seconds < 0 else seconds


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else _clock() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - _clock(), 0)


def _look(rlist: Any, wlist: Any, xlist: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what is ready now. select(2) takes descriptors below 1,024 only; with others among them, poll(2) answers."""
    try:
        return _native.select(rlist, wlist, xlist, 0)
    except ValueError:
        numbers = [[_number(item) for item in items] for items in (rlist, wlist, xlist)]  # a negative one is the error
        if max(map(max, filter(None, numbers))) < _SETSIZE:
            raise
    poll = _native.poll()
    wanted: dict[int, int] = {}
    for kind, events in zip(numbers, _INTERESTS, strict=True):
        for number in kind:
            wanted[number] = wanted.get(number, 0) | events
    for number, events in wanted.items():
        poll.register(number, events)
    found = dict(poll.poll(0))
    if any(events & _standard.POLLNVAL for events in found.values()):
        raise OSError(_errno.EBADF, _os.strerror(_errno.EBADF))
    rready, wready, xready = (
        [item for item, number in zip(items, kind, strict=True) if found.get(number, 0) & answers]
        for items, kind, answers in zip((rlist, wlist, xlist), numbers, _ANSWERS, strict=True)
    )
    return rready, wready, xready


@_stands_for(_standard)  # type: ignore[no-redef]
def select(rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /) -> tuple[list[Any], list[Any], list[Any]]:
    """As ``select.select``; the task is parked while nothing is ready."""
    seconds = None if timeout is None else _seconds(timeout, "a float")
    if seconds is not None and seconds < 0:
        raise ValueError("timeout must be non-negative")
    rlist, wlist, xlist = (items if isinstance(items, list | tuple) else list(items) for items in (rlist, wlist, xlist))
    ready = _look(rlist, wlist, xlist)
    if any(ready) or seconds == 0:
        _charge_question()
        return ready
    deadline = _deadline(seconds)
    interests = [(_number(item), _READ) for item in rlist]
    interests += [(_number(item), _WRITE) for item in wlist]
    interests += [(_number(item), _standard.POLLPRI) for item in xlist]
    watch = _Watch(interests)
    try:
        while watch.wait(_left(deadline)):
            ready = _look(rlist, wlist, xlist)
            if any(ready):
                break
    finally:
        watch.close()
    return ready


class _Poll:
    """What ``poll()`` returns."""

    _real: Any  # select.poll()
    _interests: dict[int, int]
    _polling: bool

    def __new__(cls) -> Self:
        raise TypeError(f"cannot create '{cls.__module__}.{cls.__name__}' instances")  # as select.poll, whose name it has

    def register(self, fd: Any, eventmask: int = _standard.POLLIN | _standard.POLLPRI | _standard.POLLOUT, /) -> None:
        """Watch `fd` for the events of `eventmask`."""
        self._real.register(fd, eventmask)
        self._interests[_number(fd)] = eventmask

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Change what `fd` is watched for."""
        self._real.modify(fd, eventmask)
        self._interests[_number(fd)] = eventmask

    def unregister(self, fd: Any, /) -> None:
        """Watch `fd` no more. KeyError if it was not."""
        self._real.unregister(fd)
        self._interests.pop(_number(fd), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait for events, at most `timeout` milliseconds (None or negative: as long as it takes)."""
        seconds = _poll_seconds(timeout, 1000)
        if self._polling:
            raise RuntimeError("concurrent poll() invocation")
        ready: list[tuple[int, int]] = self._real.poll(0)
        if ready or seconds == 0:
            _charge_question()
            return ready
        deadline = _deadline(seconds)
        self._polling = True
        try:
            watch = _Watch(self._interests.items())
            try:
                while watch.wait(_left(deadline)):
                    ready = self._real.poll(0)
                    if ready:
                        break
            finally:
                watch.close()
        finally:
            self._polling = False
        return ready


_Poll.__module__, _Poll.__name__, _Poll.__qualname__ = "select", "poll", "poll"


@_stands_for(_standard)  # type: ignore[no-redef]
def poll() -> _Poll:
    """As ``select.poll``; waiting parks the task."""
    made = object.__new__(_Poll)
    made._real = _native.poll()
    made._interests = {}
    made._polling = False
    return made


if _native.epoll is not None:

    class epoll:  # type: ignore[no-redef]
        """As ``select.epoll``; waiting parks the task."""

        def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
            self._real = _native.epoll(sizehint, flags)

        @classmethod
        def fromfd(cls, fd: int, /) -> Self:
            """An epoll object of an existing descriptor."""
            made = cls.__new__(cls)
            made._real = _native.epoll.fromfd(fd)
            return made

        @property
        def closed(self) -> bool:
            """True once it is closed."""
            return bool(self._real.closed)

        def fileno(self) -> int:
            """The descriptor of the object itself."""
            return int(self._real.fileno())

        def register(self, fd: Any, eventmask: int = _READ | _WRITE) -> None:
            """Watch `fd` for the events of `eventmask`."""
            self._real.register(fd, eventmask)

        def modify(self, fd: Any, eventmask: int) -> None:
            """Change what `fd` is watched for."""
            self._real.modify(fd, eventmask)

        def unregister(self, fd: Any) -> None:
            """Watch `fd` no more."""
            self._real.unregister(fd)

        def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
            """Wait for events, at most `timeout` seconds (None or negative: as long as it takes)."""
            seconds = _poll_seconds(timeout, 1)
            ready: list[tuple[int, int]] = self._real.poll(0, maxevents)
            if ready or seconds == 0:
                _charge_question()
                return ready
            deadline = _deadline(seconds)
            while not ready:
                try:
                    _wait_readable(self._real.fileno(), _left(deadline))
                except TimeoutError:
                    break
                ready = self._real.poll(0, maxevents)
            return ready

        def close(self) -> None:
            """Close the object; tasks that wait in it get ``OSError(EBADF)``."""
            if not self._real.closed:
                _closing(self._real.fileno())
                self._real.close()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()


__patches__: dict[str, dict[str, object]] = {"select": {"select": select, "poll": poll}}
if _native.epoll is not None:
    __patches__["select"]["epoll"] = epoll
    __patches__["selectors.EpollSelector"] = {"_selector_cls": epoll}
__patches__["selectors.SelectSelector"] = {"_select": staticmethod(select)}
__patches__["selectors.PollSelector"] = {"_selector_cls": staticmethod(poll)}


class _Callable(_types.ModuleType):
    """``weft.select`` is the twin of a module and a function of the toolkit by the same name."""

    __call__ = staticmethod(_choose)


_sys.modules[__name__].__class__ = _Callable
