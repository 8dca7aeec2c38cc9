# cython: language_level=3, boundscheck=False, wraparound=False
"""What a socket's call does before it waits: it reads what there is, or finds out how long it may wait.

Nothing here lies under a task that waits, and it is a module of its own so that the compiler cannot put it there: ``sockets`` calls it, and parks
when it comes back with nothing.

Tried and dropped: recvmsg into an object of the size that came last, with the scratch buffer behind it (10 KiB: 0.99 to 1.00 of the time).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.errno cimport EAGAIN, EINTR, EINVAL, EOPNOTSUPP, errno
from libc.stdint cimport int64_t
from libc.string cimport memset
from weft._core.poller cimport READ, TIMED, UNASKED, UNTIMED, Descriptor, is_ready
from weft._core.budget cimport question
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.socketobject cimport (
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    SOCK_STREAM,
    SOL_SOCKET,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    c_recv,
    head,
    is_internet,
)
from weft._core.timers cimport time_left

import os

cdef extern from *:
    """
    static int weft_resize_bytes(PyObject **bytes, Py_ssize_t size) { return _PyBytes_Resize(bytes, size); }
    static PyObject *weft_new_bytes(Py_ssize_t size) { return PyBytes_FromStringAndSize(NULL, size); }
    """
    PyObject *weft_new_bytes(Py_ssize_t size) except NULL
    int weft_resize_bytes(PyObject **data, Py_ssize_t size) except -1

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int number, unsigned long request, int *argument)
    enum: FIONBIO

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFL, O_NONBLOCK

cdef extern from "<poll.h>" nogil:
    enum: POLLIN

cdef extern from "<sys/time.h>" nogil:
    struct timeval:
        long tv_sec
        long tv_usec

cdef extern from "<sys/socket.h>" nogil:
    int getsockopt(int number, int level, int option, void *value, unsigned int *size)

cdef enum:
    SCRATCH = 65536
    LARGE = 32768
cdef char scratch[SCRATCH]  # filled and copied from in one step under the interpreter's lock: cheaper than a large object made too large and cut

# descriptors whose mode or timeout is another one for the length of an ``at_once``
cdef list borrowed = []


cdef int fail() except -1:
    """Raise the OSError of errno."""
    cdef int number = errno
    raise OSError(number, os.strerror(number))


cdef int time_out() except -1:
    raise TimeoutError("timed out")


cdef int refuse_wait() except -1:
    """Raise what a call gets that is not to wait, or no longer."""
    raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))


cdef bint is_nonblocking(int number) noexcept:
    """Return whether descriptor `number` is set not to block, by whomever."""
    cdef int mode = fcntl(number, F_GETFL)
    return mode >= 0 and mode & O_NONBLOCK


cdef bint refuses(object sock) except -1:
    """Return whether nothing waits on `sock`, which has no timeout of Python's.

    The program set its descriptor not to block, or it came so.
    """
    cdef int number = head(sock).sock_fd
    return is_nonblocking(number) and number not in borrowed


cdef double remaining(object sock, double *deadline) except -2:
    """Before a wait: the seconds that are left of the call, -1 for no end. `deadline` is 0 before its first one; raises what the standard library raises."""
    cdef int64_t timeout = head(sock).sock_timeout
    cdef double left
    if timeout == 0 or timeout < 0 and refuses(sock):
        question(get_scheduler())
        refuse_wait()
    left = time_left(timeout * 1e-9, deadline)
    if left == 0:
        time_out()
    return left


cdef double asked_of_system(int number, int option) noexcept:
    """The seconds of SO_RCVTIMEO or SO_SNDTIMEO, -1 for none."""
    cdef timeval limit
    cdef unsigned int size = sizeof(limit)
    if getsockopt(number, SOL_SOCKET, option, &limit, &size) < 0:
        return -1
    if limit.tv_sec == 0 and limit.tv_usec == 0:
        return -1
    return limit.tv_sec + limit.tv_usec * 1e-6


cdef double own_limit(
    object sock, Descriptor descriptor, int direction, double *deadline
) except -2:
    return system_limit(head(sock).sock_fd, descriptor, direction, deadline)


cdef double system_limit(
    int number, Descriptor descriptor, int direction, double *deadline
) except -2:
    """Return the seconds that the socket's own timeout leaves before a wait, -1 for no end.

    A socket that weft made has none until ``setsockopt`` says so; any other is asked once.
    """
    cdef double left
    if descriptor.timed == UNASKED:
        left = max(asked_of_system(number, SO_RCVTIMEO), asked_of_system(number, SO_SNDTIMEO))
        descriptor.timed = UNTIMED if left < 0 else TIMED
    if descriptor.timed == UNTIMED:
        return -1
    left = asked_of_system(number, SO_RCVTIMEO if direction == READ else SO_SNDTIMEO)
    left = time_left(left, deadline)
    if left == 0:
        refuse_wait()
    return left


cdef bint waits(object sock, int flags) noexcept:
    """Return whether a call with `flags` waits.

    With a timeout of its own the standard library waits by poll, whatever the flags.
    """
    if head(sock).sock_timeout >= 0:
        return head(sock).sock_timeout > 0
    if flags & MSG_OOB and head(sock).sock_type == SOCK_STREAM:
        return False
    return not flags & MSG_DONTWAIT and not (flags & MSG_ERRQUEUE and is_internet(sock))


cdef int refuse_urgent(object sock, int error) except -2:
    """Raise `error`, with which a read of urgent data failed; -1 if it is to wait and try again.

    With a timeout the standard library waits until there is anything to read, and calls then.
    """
    if awaits_urgent(sock, error):
        return -1
    raise OSError(error, os.strerror(error))


cdef bint awaits_urgent(object sock, int error) except -1:
    """Return whether a read of urgent data that failed with `error` is to wait and try again."""
    if head(sock).sock_timeout <= 0 or error not in (EINVAL, EOPNOTSUPP):
        return False
    return not is_ready(head(sock).sock_fd, POLLIN)


cdef bint waits_for_all(object sock, int flags) noexcept:
    """Return whether a read with `flags` goes on until it has all that it asked for."""
    if not flags & MSG_WAITALL or head(sock).sock_timeout >= 0 or head(sock).sock_type != SOCK_STREAM:
        return False
    if not waits(sock, flags):
        return False
    return not flags & MSG_PEEK or is_internet(sock)


cdef Descriptor stream(Scheduler scheduler, object sock, int flags):
    """What is known of `sock` if it is a TCP stream that is watched by edges, and read without special wishes: then `drained` holds."""
    cdef Descriptor descriptor
    if flags or head(sock).sock_type != SOCK_STREAM:
        return None
    if not is_internet(sock):
        return None
    if not scheduler.poller.edge:
        return None
    descriptor = scheduler.poller.known(head(sock).sock_fd)
    if descriptor is None or not descriptor.registered or not descriptor.owned or descriptor.hung_up:
        return None
    return descriptor


cdef Py_ssize_t attempt(object sock, Descriptor descriptor, char *buffer, Py_ssize_t size, int flags) except -2:
    """Read at most `size` bytes now; -1 if there are none yet."""
    cdef Py_ssize_t count
    while True:
        count = c_recv(head(sock).sock_fd, buffer, size, flags | MSG_DONTWAIT)
        if count >= 0:
            if descriptor is not None:
                descriptor.expected = count
                if 0 < count < size and not descriptor.hung_up:
                    descriptor.drained = True
            return count
        if errno == EINTR:
            PyErr_CheckSignals()
        elif errno == EAGAIN and (not flags or waits(sock, flags)):
            return -1
        elif flags & MSG_OOB:
            return refuse_urgent(sock, errno)
        else:
            fail()


cdef object attempt_bytes(object sock, Descriptor descriptor, Py_ssize_t size, int flags):
    """Read at most `size` bytes now into a new object; None if there are none yet. No more is allocated than what probably comes.

    What came last tells: little goes by way of the scratch buffer, much straight into an object that is not much larger.
    """
    cdef Py_ssize_t count, room
    cdef PyObject *data
    cdef bint much = descriptor is not None and descriptor.expected >= LARGE
    if much:
        room = min(size, 4 * descriptor.expected)
    elif not flags and head(sock).sock_type == SOCK_STREAM:
        room = min(size, SCRATCH)
    else:
        room = size
    if room <= SCRATCH and not much and not flags & MSG_TRUNC:
        count = attempt(sock, descriptor, scratch, room, flags)
        return None if count < 0 else PyBytes_FromStringAndSize(scratch, count)
    data = weft_new_bytes(room)
    if flags & MSG_TRUNC:  # the system counts bytes that it does not copy
        memset(PyBytes_AS_STRING(<object>data), 0, room)
    try:
        count = attempt(sock, descriptor, PyBytes_AS_STRING(<object>data), room, flags)
        if count < 0:
            return None
        if count != room:
            weft_resize_bytes(&data, count)
        return <object>data
    finally:
        Py_XDECREF(data)


cdef object at_once(object sock, object method, tuple args, bint flagged):
    """Call the interpreter's own `method` so that it does not wait; raises BlockingIOError where it would.

    If the call has no MSG_DONTWAIT (not `flagged`), the descriptor is set not to block for as long as it takes.
    """
    cdef int64_t timeout = head(sock).sock_timeout
    cdef int on = 1, off = 0, number = head(sock).sock_fd
    cdef bint toggled = timeout < 0 and not flagged and not is_nonblocking(number)
    if timeout <= 0 and not toggled:
        return method(sock, *args)
    borrowed.append(number)
    if toggled:
        ioctl(number, FIONBIO, &on)
    else:
        # The interpreter waits for its own timeout, but not without one on a descriptor that does not block.
        # Not 0: a thread that uses the socket meanwhile would be refused a wait. So it waits without a timeout.
        head(sock).sock_timeout = -1
    try:
        return method(sock, *args)
    finally:
        head(sock).sock_timeout = timeout
        if toggled:
            ioctl(number, FIONBIO, &off)
        borrowed.remove(number)
