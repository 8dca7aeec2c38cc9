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
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t
from weft._core.poller cimport Descriptor
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.socketobject cimport AF_INET, AF_INET6, MSG_DONTWAIT, SOCK_STREAM, c_recv, head
from weft._core.timers cimport time_left

import os

cdef extern from *:
    """
    static int weft_resize_bytes(PyObject **bytes, Py_ssize_t size) { return _PyBytes_Resize(bytes, size); }
    static PyObject *weft_new_bytes(Py_ssize_t size) { return PyBytes_FromStringAndSize(NULL, size); }
    """
    PyObject *weft_new_bytes(Py_ssize_t size) except NULL
    int weft_resize_bytes(PyObject **data, Py_ssize_t size) except -1

cdef enum:
    SCRATCH = 65536
    LARGE = 32768
cdef char scratch[SCRATCH]  # filled and copied from in one step under the interpreter's lock: cheaper than a large object made too large and cut


cdef int fail() except -1:
    """Raise the OSError of errno."""
    cdef int number = errno
    raise OSError(number, os.strerror(number))


cdef int time_out() except -1:
    raise TimeoutError("timed out")


cdef double remaining(object sock, double *deadline) except -2:
    """Before a wait: the seconds that are left of the call, -1 for no end. `deadline` is 0 before its first one; raises what the standard library raises."""
    cdef int64_t timeout = head(sock).sock_timeout
    cdef double left
    if timeout == 0:
        get_scheduler().give_way()  # a task that asks again and again starves nobody
        raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
    left = time_left(timeout * 1e-9, deadline)
    if left == 0:
        time_out()
    return left


cdef Descriptor stream(Scheduler scheduler, object sock, int flags):
    """What is known of `sock` if it is a TCP stream that is watched by edges, and read without special wishes: then `drained` holds."""
    cdef Descriptor descriptor
    if flags or head(sock).sock_type != SOCK_STREAM:
        return None
    if head(sock).sock_family != AF_INET and head(sock).sock_family != AF_INET6:
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
        elif errno == EAGAIN and not flags & MSG_DONTWAIT:
            return -1
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
    if room <= SCRATCH and not much:
        count = attempt(sock, descriptor, scratch, room, flags)
        return None if count < 0 else PyBytes_FromStringAndSize(scratch, count)
    data = weft_new_bytes(room)
    try:
        count = attempt(sock, descriptor, PyBytes_AS_STRING(<object>data), room, flags)
        if count < 0:
            return None
        if count != room:
            weft_resize_bytes(&data, count)
        return <object>data
    finally:
        Py_XDECREF(data)
