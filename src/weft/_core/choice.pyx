# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Waiting for the first of several things: exactly one of them happens, and none of the others loses anything.

Rules:
- What can happen at once does: the cases are tried in turn, beginning with another one each time, so that none is starved.
- Else the task stands in the line of each with a waiter of its own, all under one master (see waiting): whoever wakes one of them first has
  found the only one that can be woken; the others have refused before anything was handed to them.
- Trying and standing in line allocate nothing and run no Python code, so nothing can happen unseen in between: what they need is made before.
  The one exception, a queue whose lock is taken, is why all are then tried again.
"""

from weft._core.channel cimport Channel
from weft._core.descriptors cimport number_of
from weft._core.poller cimport CHANGED, READ, READY, WRITE, Descriptor, Poller, is_ready
from weft._core.budget cimport LOCK, VAIN, charge
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.source cimport Source
from weft._core.sync cimport Event
from weft._core.task cimport Task
from weft._core.timers cimport Timer, monotonic, number, seconds
from weft._core.waiting cimport Waiter, WaitQueue

cdef extern from "<poll.h>" nogil:
    enum: POLLIN, POLLOUT

cdef unsigned long turn = 0


cdef class Case:
    """One thing that may happen; subclasses know what."""

    cdef Waiter waiter
    cdef object given

    cdef bint attempt(self) except -1:
        """Let it happen, if it can now."""
        raise NotImplementedError

    cdef bint prompt(self):
        """Return whether ``attempt`` lets nobody else run now."""
        return True

    cdef object claim(self):
        """What came of an ``attempt``."""
        return None

    cdef int prepare(self, Scheduler scheduler) except -1:
        """Make what ``join`` needs."""
        return 0

    cdef int join(self, Scheduler scheduler) except -1:
        """Stand in line with ``waiter``."""
        raise NotImplementedError

    cdef int leave(self, Scheduler scheduler) except -1:
        """The wait is over."""
        self.waiter.leave()
        return 0

    cdef bint cut_short(self, Scheduler scheduler):
        """Return whether a fork woke it, not what it waits for: this is the child."""
        return False

    cdef object outcome(self):
        """What came of a wake."""
        return None


cdef class TakeCase(Case):
    cdef Source source

    cdef bint prompt(self):
        return self.source.prompt()

    cdef bint attempt(self) except -1:
        return self.source.attempt()

    cdef object claim(self):
        return self.source.claim()

    cdef int join(self, Scheduler scheduler) except -1:
        self.source.takers.join(self.waiter)
        return 0

    cdef object outcome(self):
        return self.source.received(self.waiter)


cdef class SendCase(Case):
    cdef Channel channel
    cdef object item

    cdef bint attempt(self) except -1:
        return self.channel.offer(self.item)

    cdef int join(self, Scheduler scheduler) except -1:
        self.waiter.value = self.item
        self.channel.senders.join(self.waiter)
        return 0

    cdef object outcome(self):
        self.channel.sent(self.waiter)


cdef class EventCase(Case):
    cdef Event event

    cdef bint attempt(self) except -1:
        return self.event.flag

    cdef int join(self, Scheduler scheduler) except -1:
        self.event.line.join(self.waiter)
        return 0


cdef class TaskCase(Case):
    cdef Task task

    cdef bint attempt(self) except -1:
        return self.task.ended

    cdef int prepare(self, Scheduler scheduler) except -1:
        if self.task.joiners is None:
            self.task.joiners = WaitQueue()
        return 0

    cdef int join(self, Scheduler scheduler) except -1:
        self.task.joiners.join(self.waiter)
        return 0


cdef class DescriptorCase(Case):
    cdef int number
    cdef int direction
    cdef Descriptor descriptor
    cdef Poller poller  # the one that counts the wait
    cdef bint waits  # it is counted there

    cdef bint attempt(self) except -1:
        return is_ready(self.number, POLLIN if self.direction == READ else POLLOUT)

    cdef int prepare(self, Scheduler scheduler) except -1:
        self.descriptor = scheduler.poller.find(self.number)
        return 0

    cdef int join(self, Scheduler scheduler) except -1:
        cdef int armed = scheduler.poller.arm(self.descriptor, self.direction, False)
        if armed == CHANGED:  # its number means another file now
            self.descriptor = scheduler.poller.find(self.number)
            armed = scheduler.poller.arm(self.descriptor, self.direction, False)
        if armed == READY:
            self.waiter.wake()
            return 0
        self.poller = scheduler.poller
        self.poller.waiting += 1
        self.waits = True
        (self.descriptor.readers if self.direction == READ else self.descriptor.writers).join(self.waiter)
        return 0

    cdef int leave(self, Scheduler scheduler) except -1:
        if self.waits:
            self.poller.waiting -= 1
            self.waits = False
        return Case.leave(self, scheduler)

    cdef bint cut_short(self, Scheduler scheduler):
        return self.poller is not None and self.poller is not scheduler.poller

    cdef object outcome(self):
        if self.descriptor.closed:
            self.descriptor.refuse()


cdef class Alarm(Timer):
    """Wakes a waiter when its moment comes."""

    cdef Waiter waiter

    cdef void fire(self) noexcept:
        self.waiter.wake()

    cdef bint concerns(self, Timer fiber) noexcept:
        return self.waiter.master is not None and self.waiter.master.fiber is fiber


cdef class AlarmCase(Case):
    cdef double when
    cdef Alarm alarm

    cdef bint attempt(self) except -1:
        return monotonic() >= self.when

    cdef int prepare(self, Scheduler scheduler) except -1:
        self.alarm = Alarm()
        self.alarm.waiter = self.waiter
        return 0

    cdef int join(self, Scheduler scheduler) except -1:
        scheduler.timers.add(self.alarm, self.when)
        return 0

    cdef int leave(self, Scheduler scheduler) except -1:
        scheduler.timers.remove(self.alarm)
        return Case.leave(self, scheduler)


cdef class sending:
    """``sending(channel, item)``: the case that `channel` takes `item`."""

    cdef readonly Channel channel
    cdef readonly object item

    def __init__(self, Channel channel not None, item):
        self.channel = channel
        self.item = item


cdef class readable:
    """``readable(descriptor)``: the case that a descriptor (a number, or an object with ``fileno()``) has something to read."""

    cdef readonly object descriptor

    def __init__(self, descriptor):
        self.descriptor = descriptor


cdef class writable(readable):
    """``writable(descriptor)``: the case that a descriptor takes something."""


cdef class after:
    """``after(seconds)``: the case that so much time has passed since it was made; it may serve in several calls."""

    cdef double when

    def __init__(self, seconds):
        cdef double duration = number(seconds, "seconds")
        if duration < 0:
            raise ValueError(f"seconds is {seconds!r}; it must be 0 or more")
        self.when = monotonic() + duration


cdef Case case_of(object given):
    """What `given` stands for."""
    cdef TakeCase take
    cdef SendCase send
    cdef EventCase event
    cdef TaskCase task
    cdef DescriptorCase descriptor
    cdef AlarmCase alarm
    if isinstance(given, Source):
        take = TakeCase()
        take.source = given
        return take
    if isinstance(given, sending):
        if (<sending>given).channel is None:
            raise TypeError("this sending() has no channel")
        send = SendCase()
        send.channel = (<sending>given).channel
        send.item = (<sending>given).item
        return send
    if isinstance(given, Event):
        event = EventCase()
        event.event = given
        return event
    if isinstance(given, Task):
        task = TaskCase()
        task.task = given
        return task
    if isinstance(given, readable):
        descriptor = DescriptorCase()
        descriptor.number = number_of((<readable>given).descriptor)
        descriptor.direction = WRITE if isinstance(given, writable) else READ
        return descriptor
    if isinstance(given, after):
        alarm = AlarmCase()
        alarm.when = (<after>given).when
        return alarm
    raise TypeError(
        "select takes channels, queues, events and tasks of weft's own, and what sending, readable, writable and after return; "
        f"not {type(given).__module__}.{type(given).__qualname__}"
    )


def set_turn(unsigned long first) -> None:
    """Which case the next ``select`` tries first: for tests that must go the same way each time."""
    global turn
    turn = first


def select(*cases, timeout=None):
    """Wait until the first of `cases` happens, at most `timeout` seconds (None: as long as it takes); returns ``(case, value)``.

    A case is a channel or a queue (an item is taken from it, and is the value), an event that is set, a task that has ended,
    ``sending(channel, item)``, ``readable(descriptor)``, ``writable(descriptor)`` or ``after(seconds)``. Exactly one happens; of those that
    could at once none is preferred. Raises TimeoutError (with 0: if nothing can happen now), and what the case that happened raises:
    ChannelClosed, ``queue.ShutDown``, OSError.
    """
    cdef double limit = seconds(timeout)
    cdef Scheduler scheduler = get_scheduler()
    cdef double end = monotonic() + limit if limit > 0 else 0
    cdef Case case, found
    cdef list asked = []
    charge(scheduler, LOCK)
    for given in cases:
        case = case_of(given)
        case.given = given
        asked.append(case)
    if not asked and limit < 0:
        raise ValueError("select was given no case and no timeout; it would wait for ever")
    if limit == 0:
        found = try_all(asked)
        if found is not None:
            return found.given, found.claim()
        charge(scheduler, VAIN)
        raise TimeoutError("none of the cases can happen now")
    while True:
        prepare_all(asked, scheduler)
        found = try_all(asked)
        if found is not None:
            return found.given, found.claim()
        found = wait_for_one(asked, scheduler, limit)
        if found is None:
            raise TimeoutError(f"none of the cases happened within {timeout} seconds")
        if not found.cut_short(scheduler):
            return found.given, found.outcome()
        if limit > 0:
            limit = max(end - monotonic(), 0)


cdef int prepare_all(list asked, Scheduler scheduler) except -1:
    """Give each case a waiter, all of one master."""
    cdef Waiter master = Waiter.__new__(Waiter)
    cdef Case case
    master.fiber = scheduler.current
    for case in asked:
        case.waiter = Waiter.__new__(Waiter)
        case.waiter.master = master
        case.prepare(scheduler)
    return 0


cdef Case wait_for_one(list asked, Scheduler scheduler, double limit):
    """Stand in line for each of the cases until one is woken, and return it; None after `limit`."""
    cdef Case case
    cdef Waiter master = (<Case>asked[0]).waiter.master if asked else Waiter.__new__(Waiter)
    try:
        for case in asked:
            case.join(scheduler)
        if not scheduler.park(master, limit, "select"):
            return None
    finally:
        for case in asked:
            case.leave(scheduler)
    for case in asked:
        if case.waiter is master.value:
            master.value = None
            return case
    raise AssertionError("woken by nobody")


cdef Case try_all(list asked):
    """Let one of the cases happen that can now, beginning with another one each time; None if none can."""
    global turn
    cdef Py_ssize_t count = len(asked), index
    cdef Case case
    cdef bint prompt = False
    turn += 1
    while not prompt:
        prompt = True
        for index in range(count):
            case = <Case>asked[(turn + index) % <unsigned long>count]
            prompt = prompt and case.prompt()
            if case.attempt():
                return case
    return None
