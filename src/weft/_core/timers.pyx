# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Timers in a heap that forgets the cancelled ones.

Invariants:
- A timer stands in at most one heap; ``slot`` is its place there, or -1.
- The heap owns one reference to each timer in it, and none to one that was removed: removal is immediate, not lazy.
- Equal deadlines fire in the order in which they were set.
- Firing runs no Python code.

Every timeout of the tree is read here, before anything else happens. A twin's arguments are read as its standard module reads them, errors and all;
where that would spin (a semaphore's or a queue's NaN), NaN is a ValueError. weft's own functions share ``seconds``.

The clock may be a virtual one, for tests: then it stands still, and the scheduler moves it to the next deadline when nobody can run.

A heap of four children a node is shallower than a binary one, and a timer that is set last and removed first, the fate of
nearly every timeout, sits in the bottom row and leaves it at once.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.limits cimport LLONG_MAX
from libc.math cimport INFINITY
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec


import _thread
import sys

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        const char *tp_name
    PyTypeObject *Py_TYPE(object o)
    double PyFloat_AS_DOUBLE(object value)
    bint PyIndex_Check(object value)
    object PyNumber_Index(object value)

# seconds: 2 ** 63 nanoseconds, where the standard library's clock ends
cdef double LONGEST = 9223372036.854775808


def refusal(value) -> str:
    """Return the words in which the standard library refuses `value` as a time: they change from one Python to the next."""
    try:
        _thread.allocate_lock().acquire(False, value)
    except (OverflowError, TypeError) as error:
        return str(error)
    return ""  # another library has patched it


cdef str OUT_OF_RANGE = refusal(INFINITY), TOO_LARGE = refusal(10**10), NO_NUMBER = refusal("")
cdef double TIMEOUT_MAX = _thread.TIMEOUT_MAX
# Since 3.15 whatever has __float__ is a time; before, only a float and what has __index__.
cdef bint TAKES_REALS = sys.version_info >= (3, 15)
cdef bint REFUSES_NAN = sys.version_info >= (3, 14)  # before, an event took it for 0
cdef str NEGATIVE = f"timeout value must be {'a non-negative number' if sys.version_info >= (3, 13) else 'positive'}"
cdef object NO_LIMIT = -1  # the default of ``acquire``, one of the interpreter's small ints
cdef double virtual_now = -1  # negative: the clock is the real one
cdef double grace = 0
cdef object NOTHING = 0


cdef double monotonic() noexcept nogil:
    """Seconds of the monotonic clock, the one that ``time.monotonic`` reads."""
    return virtual_now if virtual_now >= 0 else real_monotonic()


cdef double real_monotonic() noexcept nogil:
    """``monotonic``, whether there is a virtual clock or not."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <double>now.tv_sec + <double>now.tv_nsec * 1e-9


cdef bint is_virtual() noexcept nogil:
    """Return whether the clock is a virtual one."""
    return virtual_now >= 0


cdef void advance(double when) noexcept nogil:
    """Move the virtual clock forward to `when`."""
    global virtual_now
    if when > virtual_now:
        virtual_now = when


cdef double patience() noexcept nogil:
    """Real seconds for descriptors and threads to have their say before a virtual clock jumps."""
    return grace


def set_virtual_clock(now, real_seconds=None) -> None:
    """Let the clock stand at `now` seconds, and wait so many real ones for descriptors and threads before each jump; None for the real clock."""
    global virtual_now, grace
    virtual_now = -1 if now is None else now
    if real_seconds is not None:
        grace = real_seconds


def clock() -> float:
    """Seconds of the monotonic clock that the scheduler goes by."""
    return monotonic()


cdef double in_range(double value) except? -3:
    """`value`, or the error of the standard library for seconds that its clock cannot count."""
    if value != value:
        raise ValueError("Invalid value NaN (not a number)")
    if not -LONGEST <= value < LONGEST:
        raise OverflowError(OUT_OF_RANGE)
    return value


cdef double exact(object value) except? -3:
    """Seconds as the standard library's C code reads them (``_thread``, ``_queue``, ``time``,
    ``select``): its numbers, its errors."""
    cdef long long whole
    if isinstance(value, float):
        return in_range(PyFloat_AS_DOUBLE(value))
    if not PyIndex_Check(value):
        if not TAKES_REALS or not hasattr(type(value), "__float__"):
            raise TypeError(NO_NUMBER.replace("str", Py_TYPE(value).tp_name.decode()))
        return in_range(float(value))
    value = PyNumber_Index(value)
    try:
        whole = value
    except OverflowError:
        whole = LLONG_MAX
    if not -LONGEST < <double>whole < LONGEST:
        raise OverflowError(TOO_LARGE)
    return <double>whole


cdef double number(object value, str name) except? -3:
    """Seconds as weft's own functions read them:

    whatever becomes a float. NaN and what is no number are refused by name.
    """
    cdef double found
    if isinstance(value, float):
        found = PyFloat_AS_DOUBLE(value)
    elif isinstance(value, int) or hasattr(type(value), "__float__") or hasattr(type(value), "__index__"):
        found = value
    else:
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if found != found:
        raise ValueError(f"{name} must be a number of seconds, not NaN")
    return found


cdef double seconds(object timeout) except? -2:
    """The timeout of one of weft's own functions as C sees it:

    None and infinity are -1, without end, and what is negative is 0.
    """
    cdef double value
    if timeout is None:
        return -1
    value = number(timeout, "timeout")
    return value if 0 < value < LONGEST else -1 if value > 0 else 0


cdef double acquiring(bint blocking, object timeout) except? -2:
    """The arguments of ``threading``'s ``Lock.acquire``: -1 without end, 0 for not at all."""
    cdef double value
    if blocking and timeout is NO_LIMIT:
        return -1
    value = exact(timeout)
    if not blocking:
        if value != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0
    if value < 0 and value != -1:
        raise ValueError(NEGATIVE)
    if value > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return value


cdef double waiting(object timeout) except? -2:
    """The timeout of ``threading``'s ``Event.wait`` and ``Condition.wait``:

    what is not above 0 is 0; NaN, too, before 3.14.
    """
    if timeout is None:
        return -1
    if timeout > 0 or (REFUSES_NAN and timeout != timeout):
        return exact(timeout)
    return 0


cdef double lasting(object timeout) except? -2:
    """The timeout of what ``threading`` waits for in a loop against a deadline:

    ``Semaphore.acquire``, ``Condition.wait_for``.
    """
    if timeout is None:
        return -1
    0.0 + timeout  # the deadline: what cannot be added is refused
    return 0 if timeout <= 0 else exact(timeout)


cdef double queueing(bint block, object timeout) except? -2:
    """The arguments of ``queue.Queue.get``:

    -1 without end, 0 for not at all. ``in_range`` is asked only before a wait, as there.
    """
    cdef double value
    if not block:
        return 0
    if timeout is None:
        return -1
    if timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    value = 0.0 + timeout
    return value


cdef double queueing_exactly(bint block, object timeout) except? -2:
    """The arguments of ``queue.SimpleQueue.get``, which is written in C:

    -1 without end, 0 for not at all.
    """
    cdef double value
    if not block:
        return 0
    if timeout is None:
        return -1
    value = exact(timeout)
    if value < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return value


def exact_seconds(timeout) -> float:
    """`timeout` as a float, read as the standard library's C code reads it; for twins written in
    Python."""
    return exact(timeout)


def read_seconds(timeout):
    """`timeout` as weft's own functions read it:

    a float that is not negative, or None, without end.
    """
    cdef double value = seconds(timeout)
    return None if value < 0 else value


cdef double time_left(double seconds, double *deadline) noexcept:
    """Before each wait of a call that may take so many seconds: those that are left, 0 for none; -1, for no end, if they are negative.

    `deadline` is the call's own, 0 before its first wait.
    """
    if seconds < 0:
        return -1
    if deadline[0] == 0:
        deadline[0] = monotonic() + seconds
    return max(deadline[0] - monotonic(), 0)


cdef double sleep_length(PyObject *const *words, Py_ssize_t count) except -1:
    """The seconds of a sleep, from the arguments of its call: none is 0."""
    cdef double seconds
    if count == 0 or count == 1 and words[0] == <PyObject *>NOTHING:
        return 0
    if count > 1:
        raise TypeError(f"sleep() takes at most 1 positional argument ({count} given)")
    seconds = exact(<object>words[0])
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    return seconds


cdef class Timer:
    """Something that happens at a moment. Subclasses say what in ``fire``."""

    def __cinit__(self):
        self.slot = -1

    cdef void fire(self) noexcept:
        pass

    cdef bint concerns(self, Timer fiber) noexcept:
        """Return whether it ends a wait of `fiber`, itself a timer."""
        return self is fiber


@cython.final
cdef class TimerHeap:
    """The timers of one scheduler, the earliest first."""

    def __dealloc__(self):
        cdef Py_ssize_t slot
        for slot in range(self.size):
            (<Timer>self.entries[slot].timer).slot = -1
            Py_DECREF(<Timer>self.entries[slot].timer)
        PyMem_Free(self.entries)

    cdef int add(self, Timer timer, double when) except -1:
        """Fire `timer` when the monotonic clock reaches `when` (seconds)."""
        cdef Entry entry
        cdef Entry *entries
        cdef Py_ssize_t capacity
        if self.size == self.capacity:
            capacity = self.capacity * 2 if self.capacity else 64
            entries = <Entry *>PyMem_Realloc(self.entries, capacity * sizeof(Entry))
            if entries == NULL:
                raise MemoryError
            self.entries = entries
            self.capacity = capacity
        self.order += 1
        entry.when = when
        entry.order = self.order
        entry.timer = <void *>timer
        Py_INCREF(timer)
        self.size += 1
        self.rise(self.size - 1, entry)
        return 0

    cdef void remove(self, Timer timer) noexcept:
        """Forget `timer`; nothing happens if it is not set."""
        cdef Py_ssize_t slot = timer.slot
        cdef Entry last
        if slot < 0:
            return
        timer.slot = -1
        self.size -= 1
        if slot != self.size:
            last = self.entries[self.size]
            if slot > 0 and earlier(last, self.entries[(slot - 1) >> 2]):
                self.rise(slot, last)
            else:
                self.sink(slot, last)
        Py_DECREF(timer)

    cdef double first(self) noexcept:
        """The earliest deadline, or infinity."""
        return self.entries[0].when if self.size else INFINITY

    cdef int move(self, Timer fiber, TimerHeap other) except -1:
        """Move what concerns `fiber` to `other`: a fork leaves it alone in the child."""
        cdef Py_ssize_t slot
        cdef Timer timer
        cdef double when
        cdef list found = []
        for slot in range(self.size):
            timer = <Timer>self.entries[slot].timer
            if timer.concerns(fiber):
                found.append((self.entries[slot].when, self.entries[slot].order, timer))
        found.sort()
        for when, _, timer in found:
            self.remove(timer)
            other.add(timer, when)
        return 0

    cdef void fire_due(self, double now) noexcept:
        """Take out and fire whatever is due at `now`."""
        cdef Timer timer
        while self.size and self.entries[0].when <= now:
            timer = <Timer>self.entries[0].timer
            self.remove(timer)
            timer.fire()

    cdef void rise(self, Py_ssize_t slot, Entry entry) noexcept:
        cdef Py_ssize_t parent
        while slot > 0:
            parent = (slot - 1) >> 2
            if not earlier(entry, self.entries[parent]):
                break
            self.entries[slot] = self.entries[parent]
            (<Timer>self.entries[slot].timer).slot = slot
            slot = parent
        self.entries[slot] = entry
        (<Timer>entry.timer).slot = slot

    cdef void sink(self, Py_ssize_t slot, Entry entry) noexcept:
        cdef Py_ssize_t child, other, end
        while True:
            child = (slot << 2) + 1
            if child >= self.size:
                break
            end = min(child + 4, self.size)
            for other in range(child + 1, end):
                if earlier(self.entries[other], self.entries[child]):
                    child = other
            if not earlier(self.entries[child], entry):
                break
            self.entries[slot] = self.entries[child]
            (<Timer>self.entries[slot].timer).slot = slot
            slot = child
        self.entries[slot] = entry
        (<Timer>entry.timer).slot = slot


cdef inline bint earlier(Entry a, Entry b) noexcept nogil:
    return a.when < b.when or (a.when == b.when and a.order < b.order)
