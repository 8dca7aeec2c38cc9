# cython: language_level=3, boundscheck=False, wraparound=False, binding=False, auto_pickle=False
"""The calls of a socket that would block: try first, park second.

``SocketCalls`` extends the interpreter's own socket type without a field of its own, so that it mixes with ``socket.socket``; what it
must know, the descriptor and the timeout, it reads from the object itself.

Rules:
- The system call is made at once with MSG_DONTWAIT; only EAGAIN parks. The blocking mode of the descriptor stays what it is.
- A timeout counts for the whole call, as in the standard library (``sendall`` too); 0 means that nothing waits.
- After a read shorter than asked, a TCP stream is drained: the next read parks without a system call, until an edge comes. A UNIX stream
  may stop short at passed descriptors, a datagram is always short: there the hint does not hold.
- ``connect`` and ``accept`` know no MSG_DONTWAIT. On a blocking descriptor that weft made, O_NONBLOCK is on for the length of the call;
  on one that was handed to it (others may share it), accept looks with poll(2) first.
- A peer that always has something to say, or always room, starves nobody: now and then a call gives way before it begins.
- Calls that are rare go to the interpreter's own method, with the timeout taken for zero while it runs.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EALREADY, EINPROGRESS, EINTR, errno
from libc.stdint cimport int64_t
from weft._core.attempts cimport attempt, attempt_bytes, fail, remaining, stream, time_out
from weft._core.descriptors cimport claim, forget, wait_descriptor
from weft._core.poller cimport READ, WRITE, Descriptor, readable
from weft._core.scheduler cimport Scheduler, overdue
from weft._core.schedulers cimport get_scheduler
from weft._core.socketobject cimport AF_INET, AF_INET6, MSG_DONTWAIT, SOCK_STREAM, c_send, head, weft_socket
from weft._core.timers cimport monotonic, time_left

import _socket
import os

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int number, unsigned long request, int *argument)
    enum: FIONBIO

cdef extern from *:
    ctypedef class _socket.socket [object weft_socket, check_size ignore]:
        pass

cdef object base = _socket.socket


cdef int block(object sock, int direction, double *deadline) except -1:
    """Park until `sock` may be ready. `deadline` is 0 before the first wait of the call; raises what the standard library raises."""
    cdef double left = remaining(sock, deadline)
    cdef Scheduler scheduler = get_scheduler()
    if not wait_descriptor(scheduler, scheduler.poller.find(head(sock).sock_fd), direction, left):
        time_out()
    return 0


cdef int be_fair(Scheduler scheduler) except -1:
    return scheduler.pause() if overdue(scheduler, 4) else 0


cdef inline Descriptor begin(object sock, int flags, double *deadline):
    """Before a read: what is known of `sock` if it is a TCP stream; parks if that is drained."""
    cdef Scheduler scheduler = get_scheduler()
    be_fair(scheduler)
    cdef Descriptor descriptor = stream(scheduler, sock, flags)
    if descriptor is not None and descriptor.drained and head(sock).sock_timeout != 0:
        block(sock, READ, deadline)
    return descriptor


cdef Py_ssize_t receive(object sock, char *buffer, Py_ssize_t size, int flags) except -1:
    """Read at most `size` bytes; parks while there are none."""
    cdef double deadline = 0
    cdef Py_ssize_t count
    cdef Descriptor descriptor
    if size == 0:
        return 0
    descriptor = begin(sock, flags, &deadline)
    while True:
        count = attempt(sock, descriptor, buffer, size, flags)
        if count >= 0:
            return count
        block(sock, READ, &deadline)


cdef object receive_bytes(object sock, Py_ssize_t size, int flags):
    """``receive`` into a new object. Nothing is allocated while it waits."""
    cdef double deadline = 0
    cdef Descriptor descriptor
    if size == 0:
        return b""
    descriptor = begin(sock, flags, &deadline)
    while True:
        data = attempt_bytes(sock, descriptor, size, flags)
        if data is not None:
            return data
        block(sock, READ, &deadline)


cdef Py_ssize_t transmit(object sock, const char *buffer, Py_ssize_t size, int flags, double *deadline) except -1:
    """Write at most `size` bytes; parks while there is no room."""
    cdef Py_ssize_t count
    be_fair(get_scheduler())
    while True:
        count = c_send(head(sock).sock_fd, buffer, size, flags | MSG_DONTWAIT)
        if count >= 0:
            return count
        if errno == EINTR:
            PyErr_CheckSignals()
        elif errno == EAGAIN and not flags & MSG_DONTWAIT:
            block(sock, WRITE, deadline)
        else:
            fail()


cdef object at_once(object sock, object method, tuple args, bint flagged):
    """Call the interpreter's own `method` so that it does not wait; raises BlockingIOError where it would, and returns what it returns.

    A call that takes no MSG_DONTWAIT (not `flagged`) needs the descriptor itself to be without blocking for as long as it takes.
    """
    cdef int64_t timeout = head(sock).sock_timeout
    cdef int on = 1, off = 0, number = head(sock).sock_fd
    cdef bint blocking = timeout < 0 and not flagged
    if blocking:
        ioctl(number, FIONBIO, &on)
    if timeout > 0 or blocking:
        head(sock).sock_timeout = 0
    try:
        return method(sock, *args)
    finally:
        head(sock).sock_timeout = timeout
        if blocking:
            ioctl(number, FIONBIO, &off)


cdef object patiently(object sock, int direction, object method, tuple args, int position):
    """Call the interpreter's own `method`, which takes its flags as argument `position`; park while it would block."""
    cdef double deadline = 0
    cdef list given = list(args)
    if head(sock).sock_timeout == 0 or not args:  # nothing waits, or it has words of its own for that
        return method(sock, *args)
    while len(given) <= position:
        given.append(0)
    if given[position] & MSG_DONTWAIT:  # the program's own wish
        return method(sock, *args)
    given[position] = given[position] | MSG_DONTWAIT
    args = tuple(given)
    while True:
        try:
            return at_once(sock, method, args, True)
        except BlockingIOError:
            pass
        block(sock, direction, &deadline)


cdef class SocketCalls(socket):
    """The blocking calls of a socket, as the standard library documents them, parking the task instead of the thread."""

    def __cinit__(self, *_, **__):
        if type(self) is SocketCalls:  # the interpreter's socket looks for its module in the type, which must be one of Python's
            raise TypeError("sockets are made by weft.socket.socket")

    def recv(self, Py_ssize_t bufsize, int flags=0, /):
        """Receive up to `bufsize` bytes."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        return receive_bytes(self, bufsize, flags)

    def recv_into(self, buffer, Py_ssize_t nbytes=0, int flags=0):
        """Receive into `buffer`, up to `nbytes` bytes (0: as many as it holds); returns how many came."""
        cdef Py_buffer view
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            if nbytes > view.len:
                raise ValueError("buffer too small for requested bytes")
            return receive(self, <char *>view.buf, nbytes or view.len, flags)
        finally:
            PyBuffer_Release(&view)

    def send(self, data, int flags=0, /):
        """Send `data`; returns how many of its bytes went out."""
        cdef Py_buffer view
        cdef double deadline = 0
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return transmit(self, <char *>view.buf, view.len, flags, &deadline)
        finally:
            PyBuffer_Release(&view)

    def sendall(self, data, int flags=0, /):
        """Send all of `data`. The timeout counts for the whole; after an error nobody knows how much went out."""
        cdef Py_buffer view
        cdef double deadline = 0
        cdef Py_ssize_t sent = 0
        if head(self).sock_timeout > 0:
            deadline = monotonic() + head(self).sock_timeout * 1e-9
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            while True:
                sent += transmit(self, <char *>view.buf + sent, view.len - sent, flags, &deadline)
                if sent >= view.len:
                    return None
                if head(self).sock_timeout > 0 and monotonic() >= deadline:
                    time_out()
        finally:
            PyBuffer_Release(&view)

    def recvfrom(self, *args):
        """Receive up to a number of bytes; returns the data and the sender's address."""
        return patiently(self, READ, base.recvfrom, args, 1)

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """Receive into `buffer`; returns how many bytes came, and the sender's address."""
        return patiently(self, READ, base.recvfrom_into, (buffer, nbytes, flags), 2)

    def recvmsg(self, *args):
        """Receive data and ancillary data."""
        if len(args) == 1:
            args = (args[0], 0)
        return patiently(self, READ, base.recvmsg, args, 2)

    def recvmsg_into(self, *args):
        """Receive into several buffers, with ancillary data."""
        if len(args) == 1:
            args = (args[0], 0)
        return patiently(self, READ, base.recvmsg_into, args, 2)

    def sendto(self, *args):
        """Send data to an address."""
        if len(args) == 2:
            args = (args[0], 0, args[1])
        elif len(args) != 3:
            return base.sendto(self, *args)  # it knows the words for that
        return patiently(self, WRITE, base.sendto, args, 1)

    def sendmsg(self, *args):
        """Send data and ancillary data."""
        if len(args) == 1:
            args = (args[0], ())
        return patiently(self, WRITE, base.sendmsg, args, 2)

    def connect(self, address, /):
        """Connect to `address`."""
        cdef int error = establish(self, address)
        if error:
            if error == EAGAIN and head(self).sock_timeout > 0:
                time_out()
            raise OSError(error, os.strerror(error))

    def connect_ex(self, address, /):
        """Connect to `address`; returns the error's number instead of raising it."""
        try:
            return establish(self, address)
        except TimeoutError:
            return EAGAIN

    def _accept(self):
        """Accept a connection; returns its descriptor and the peer's address."""
        cdef double deadline = 0
        cdef int64_t timeout
        cdef int number
        while True:
            timeout = head(self).sock_timeout
            number = head(self).sock_fd
            if timeout == 0:
                return base._accept(self)
            if timeout < 0 and not owned(number):
                if readable(number):
                    return base._accept(self)
            else:
                try:
                    return at_once(self, base._accept, (), False)
                except BlockingIOError:
                    pass
            block(self, READ, &deadline)


cdef bint owned(int number):
    cdef Scheduler scheduler = get_scheduler()
    cdef Descriptor descriptor = scheduler.poller.known(number)
    return descriptor is not None and descriptor.owned


cdef int establish(object sock, object address) except -1:
    """Connect; returns the error's number, 0 for none."""
    cdef double deadline = 0, pause = 0.001
    cdef int64_t timeout = head(sock).sock_timeout
    cdef int error
    if timeout == 0:
        return base.connect_ex(sock, address)
    while True:
        error = at_once(sock, base.connect_ex, (address,), False)
        if error == EAGAIN and head(sock).sock_family != AF_INET and head(sock).sock_family != AF_INET6:
            # a UNIX listener whose backlog is full: nothing tells when it has room again
            if 0 <= time_left(timeout * 1e-9, &deadline) < pause:
                time_out()
            get_scheduler().park(None, pause, "room in a listener's backlog")
            pause = min(pause * 2, 0.05)
            continue
        break
    if error != EINPROGRESS and error != EALREADY and error != EINTR:
        return error
    block(sock, WRITE, &deadline)
    return base.getsockopt(sock, _socket.SOL_SOCKET, _socket.SO_ERROR)


def made(sock) -> None:
    """`sock` has a new descriptor that weft made: it is watched by edges, registered once."""
    claim(sock.fileno(), True)


def alone(sock) -> None:
    """Nobody else shares the descriptor of `sock`: it is watched by edges from now on, if it is not yet."""
    if not owned(head(sock).sock_fd):
        made(sock)


def handed(sock) -> None:
    """`sock` has a descriptor that was handed to weft: others may share it."""
    claim(sock.fileno(), False)


def closing(sock) -> None:
    """`sock` is about to be closed or detached: whoever waits for it gets OSError(EBADF)."""
    if head(sock).sock_fd >= 0:
        forget(head(sock).sock_fd)


def check() -> None:
    """ImportError if the interpreter's socket object is not the one that this module was written for."""
    sock = base(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        sock.settimeout(1.5)
        fits = base.__basicsize__ == sizeof(weft_socket) and head(sock).sock_fd == sock.fileno() and head(sock).sock_family == _socket.AF_INET and head(sock).sock_timeout == 1500000000
    finally:
        sock.close()
    if not fits:
        raise ImportError("this Python's socket object has another layout than CPython 3.11 to 3.14; weft.socket needs an update for it")


check()
