# cython: language_level=3, boundscheck=False, wraparound=False, binding=False, auto_pickle=False
"""The calls of a socket that would block: try first, park second.

``SocketCalls`` extends the interpreter's own socket type without a field of its own, so that it mixes with ``socket.socket``; what it
must know, the descriptor and the timeout, it reads from the object itself.

Rules:
- The system call is made at once with MSG_DONTWAIT; only EAGAIN parks. The blocking mode of the descriptor stays what it is.
- A timeout counts for the whole call, as in the standard library (``sendall`` too); 0 means that nothing waits.
- After a read shorter than asked, a TCP stream is drained: the next read parks without a system call, until an edge comes. A UNIX stream
  may stop short at passed descriptors, a datagram is always short: there the hint does not hold.
- ``connect`` knows no MSG_DONTWAIT. On a blocking descriptor O_NONBLOCK is on for the length of the
  call. ``accept``: see ``accepting``.
- A read with MSG_WAITALL, and a send without a timeout, go on until all is done, as the kernel's do
  on a socket that blocks.
- Nothing tells of room in a UNIX listener's backlog, or in the queue of a UNIX datagram's receiver:
  those calls look again after growing pauses.
- SO_RCVTIMEO and SO_SNDTIMEO count for a socket without a timeout of Python's, as in the kernel:
  the call ends with BlockingIOError.
- A descriptor that is set not to block although Python knows of no timeout refuses to wait, and
  stays so. The mode is asked before a park only.
- A socket that the collector takes is closed by the interpreter; ``__del__`` tells first.
- A peer that always has something to say, or always room, starves nobody: now and then a call gives way before it begins.
- Calls that are rare go to the interpreter's own method, with the timeout taken for zero while it runs.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EALREADY, EINPROGRESS, EINTR, errno
from libc.stdint cimport int64_t
from weft._core.accepting cimport accept_now, share
from weft._core.attempts cimport (
    at_once,
    attempt,
    attempt_bytes,
    awaits_urgent,
    fail,
    own_limit,
    refuse_wait,
    remaining,
    stream,
    time_out,
    waits,
    waits_for_all,
)
from weft._core.descriptors cimport ask_again, forget, wait_descriptor
from weft._core.ownership cimport owned
from weft._core.poller cimport READ, UNTIMED, WRITE, Descriptor, failed, is_ready
from weft._core.budget cimport CALL, overdue
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.socketobject cimport (
    AF_UNIX,
    MSG_DONTWAIT,
    MSG_OOB,
    MSG_PEEK,
    SOCK_STREAM,
    SOL_SOCKET,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    c_send,
    head,
    is_internet,
    weft_socket,
)
from weft._core.timers cimport monotonic, time_left

import _socket
import os

cdef extern from *:
    """
    #include <poll.h>
    #ifndef POLLRDHUP
    #define POLLRDHUP POLLHUP
    #endif
    """
    enum: POLLOUT, POLLRDHUP

cdef extern from *:
    ctypedef class _socket.socket [object weft_socket, check_size ignore]:
        pass

cdef extern from "Python.h":
    ctypedef void (*destructor)(object)
    ctypedef struct PyTypeObject:
        destructor tp_finalize

cdef object base = _socket.socket
cdef destructor finalize = (<PyTypeObject *><void *>base).tp_finalize
# seconds between two looks at what nothing tells of, the first and the longest
cdef double LOOK = 0.001, LONGEST_LOOK = 0.05
cdef enum: NEW_RCVTIMEO = 66, NEW_SNDTIMEO = 67  # the kernel's other names, for times after 2038


cdef int block(object sock, int direction, double *deadline) except -1:
    """Park until `sock` may be ready. `deadline` is 0 before the first wait of the call; raises what the standard library raises."""
    cdef double left = remaining(sock, deadline)
    cdef Scheduler scheduler = get_scheduler()
    cdef Descriptor descriptor = scheduler.poller.find(head(sock).sock_fd)
    if left < 0 and descriptor.timed != UNTIMED:
        left = own_limit(sock, descriptor, direction, deadline)
    if not wait_descriptor(scheduler, descriptor, direction, left, True):
        expire(sock)
    return 0


cdef double patience(object sock, int direction, double *deadline) except -2:
    """The seconds that are left of a call, -1 for no end."""
    cdef double left = remaining(sock, deadline)
    if left >= 0:
        return left
    return own_limit(sock, get_scheduler().poller.find(head(sock).sock_fd), direction, deadline)


cdef int expire(object sock) except -1:
    return time_out() if head(sock).sock_timeout >= 0 else refuse_wait()


cdef int be_fair(Scheduler scheduler) except -1:
    return scheduler.pause() if overdue(scheduler, CALL) else 0


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
            if not flags or count == 0:
                return count
            return receive_rest(sock, buffer, size, flags, count, &deadline)
        block(sock, READ, &deadline)


cdef Py_ssize_t receive_rest(
    object sock, char *buffer, Py_ssize_t size, int flags, Py_ssize_t filled, double *deadline
) except -1:
    """`filled` bytes have come.

    Go on until all have if the read is to wait for all. An error ends it, and comes next time.
    """
    cdef Py_ssize_t count
    cdef double pause = LOOK
    if not waits_for_all(sock, flags):
        return filled
    while filled < size and not failed(head(sock).sock_fd):
        if flags & MSG_PEEK:  # what was seen stays, so nothing tells of more
            if not pause_or_expire(sock, pause, deadline):
                break
            pause = min(pause * 2, LONGEST_LOOK)
            count = attempt(sock, None, buffer, size, flags)
            if count == filled and ended(sock):
                break
            filled = max(count, filled)
            continue
        count = attempt(sock, None, buffer + filled, size - filled, flags)
        if count == 0:
            break
        if count > 0:
            filled += count
        elif not block_or_expire(sock, READ, deadline):
            break
    return filled


cdef bint block_or_expire(object sock, int direction, double *deadline) except -1:
    """``block``, for a call that has moved something already.

    False if the socket's own timeout has come, or it was closed.
    """
    try:
        block(sock, direction, deadline)
    except OSError as error:
        if error.errno is None:  # a signal handler's
            raise
        return False
    return True


cdef bint pause_or_expire(object sock, double pause, double *deadline) except -1:
    """Park for `pause` seconds: False if the socket's own timeout has come before."""
    cdef double left
    try:
        left = patience(sock, READ, deadline)
    except OSError:  # or it was closed
        return False
    get_scheduler().park(None, pause if left < 0 else min(left, pause), "more to peek at")
    return True


cdef bint ended(object sock):
    """Return whether the peer of a stream has ended it."""
    return is_ready(head(sock).sock_fd, POLLRDHUP)


cdef object receive_bytes(object sock, Py_ssize_t size, int flags):
    """``receive`` into a new object. Nothing is allocated while it waits."""
    cdef double deadline = 0
    cdef Descriptor descriptor
    if size == 0:
        return b""
    if flags and waits_for_all(sock, flags):
        return receive_all(sock, size, flags)
    descriptor = begin(sock, flags, &deadline)
    while True:
        data = attempt_bytes(sock, descriptor, size, flags)
        if data is not None:
            return data
        block(sock, READ, &deadline)


cdef object receive_all(object sock, Py_ssize_t size, int flags):
    cdef object data = PyBytes_FromStringAndSize(NULL, size)
    cdef Py_ssize_t count = receive(sock, PyBytes_AS_STRING(data), size, flags)
    return data if count == size else (<bytes>data)[:count]


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
        elif errno == EAGAIN and (not flags & MSG_DONTWAIT or head(sock).sock_timeout > 0):
            block(sock, WRITE, deadline)
        else:
            fail()


cdef Py_ssize_t receive_after(
    object sock, object buffer, Py_ssize_t size, int flags, Py_ssize_t filled
) except -1:
    """``receive_rest`` for a buffer of which `size` bytes (0: all) were asked for."""
    cdef double deadline = 0
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        return receive_rest(sock, <char *>view.buf, size or view.len, flags, filled, &deadline)
    finally:
        PyBuffer_Release(&view)


cdef object receive_messages(object sock, list buffers, tuple rest, tuple found):
    """Go on after ``recvmsg_into`` has brought `found`, until `buffers` are full or ancillary data has come."""
    cdef list views = [memoryview(buffer).cast("B") for buffer in buffers]
    cdef Py_ssize_t total = sum([len(view) for view in views]), skipped
    if rest[1] & MSG_PEEK:
        seen = bytearray(total)
        skipped = receive_after(sock, seen, total, rest[1], found[0])
        if skipped == found[0]:
            return found
        found = (skipped, *found[1:])
        skipped = 0
        for view in views:
            view[:] = seen[skipped : skipped + len(view)]
            skipped += len(view)
        return found
    while found[0] < total and not found[1] and not failed(head(sock).sock_fd):
        skipped = found[0]
        left = []
        for view in views:
            left.append(view[min(skipped, len(view)) :])
            skipped -= min(skipped, len(view))
        try:
            more = patiently(sock, READ, base.recvmsg_into, (left, *rest), 2)
        except OSError as error:
            if error.errno is None:  # a signal handler's
                raise
            break
        if not more[0]:
            break
        found = (found[0] + more[0], more[1], more[2], found[3])
    return found


cdef bint sends_all(object sock, int flags) noexcept:
    """Return whether a send with `flags` goes on until all is sent."""
    cdef bint blocks = head(sock).sock_timeout < 0 and not flags & MSG_DONTWAIT
    return blocks and head(sock).sock_type == SOCK_STREAM


cdef Py_ssize_t transmit_rest(
    object sock, const char *buffer, Py_ssize_t size, int flags, double *deadline
) except -1:
    """Send the rest of what was sent in part.

    Returns how many bytes went. An error ends it, and comes next time.
    """
    cdef Py_ssize_t sent = 0, count
    while sent < size:
        count = c_send(head(sock).sock_fd, buffer + sent, size - sent, flags | MSG_DONTWAIT)
        if count >= 0:
            sent += count
        elif errno == EINTR:
            PyErr_CheckSignals()
        elif errno != EAGAIN or not block_or_expire(sock, WRITE, deadline):
            break
    return sent


cdef Py_ssize_t transmit_pieces(object sock, list pieces, Py_ssize_t sent, int flags) except -1:
    """`sent` bytes of `pieces` have gone: send the rest; returns how many bytes went altogether."""
    cdef double deadline = 0
    cdef Py_ssize_t skipped = sent, count, left
    cdef Py_buffer view
    for piece in pieces:
        PyObject_GetBuffer(piece, &view, PyBUF_SIMPLE)
        try:
            if skipped >= view.len:
                skipped -= view.len
                continue
            left = view.len - skipped
            count = transmit_rest(sock, <char *>view.buf + skipped, left, flags, &deadline)
            sent += count
            if count < left:
                break
            skipped = 0
        finally:
            PyBuffer_Release(&view)
    return sent


cdef object patiently(object sock, int direction, object method, tuple args, int position):
    """Call the interpreter's own `method`, which takes its flags as argument `position`; park while it would block."""
    cdef double deadline = 0, pause = LOOK
    cdef list given = list(args)
    if head(sock).sock_timeout == 0 or not args:  # nothing waits, or it has words of its own for that
        return method(sock, *args)
    while len(given) <= position:
        given.append(0)
    if not waits(sock, given[position]):  # the program's own wish
        return at_once(sock, method, args, True)
    given[position] = given[position] | MSG_DONTWAIT
    args = tuple(given)
    while True:
        try:
            return at_once(sock, method, args, True)
        except BlockingIOError:
            pass
        except OSError as error:
            if direction == WRITE or not args[position] & MSG_OOB or error.errno is None:
                raise
            if not awaits_urgent(sock, error.errno):
                raise
        if direction == WRITE and receiver_is_full(sock):
            await_room(sock, &pause, &deadline, "room in a receiver's queue")
        else:
            block(sock, direction, &deadline)


cdef bint receiver_is_full(object sock) except -1:
    """Return whether a send that was refused has room on its own side.

    A UNIX datagram to a full receiver, without a connection: the system tells of no room there, and
    each attempt is an edge.
    """
    if head(sock).sock_family != AF_UNIX or head(sock).sock_type == SOCK_STREAM:
        return False
    return is_ready(head(sock).sock_fd, POLLOUT)


cdef int await_room(object sock, double *pause, double *deadline, object reason) except -1:
    """Park for `pause` seconds, where nothing tells of room; the next pause is twice as long."""
    cdef double left = patience(sock, WRITE, deadline)
    get_scheduler().park(None, pause[0] if left < 0 else min(left, pause[0]), reason)
    pause[0] = min(pause[0] * 2, LONGEST_LOOK)
    return 0


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
        cdef Py_ssize_t sent
        cdef char *rest
        cdef double deadline = 0
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            sent = transmit(self, <char *>view.buf, view.len, flags, &deadline)
            if sent < view.len and sends_all(self, flags):
                rest = <char *>view.buf + sent
                sent += transmit_rest(self, rest, view.len - sent, flags, &deadline)
            return sent
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
                if head(self).sock_timeout > 0:
                    if monotonic() >= deadline:
                        time_out()
                else:
                    deadline = 0  # the socket's own timeout is one for each send
        finally:
            PyBuffer_Release(&view)

    def recvfrom(self, *args):
        """Receive up to a number of bytes; returns the data and the sender's address."""
        found = patiently(self, READ, base.recvfrom, args, 1)
        if len(args) < 2 or len(found[0]) in (0, args[0]) or not waits_for_all(self, args[1]):
            return found
        data = bytearray(args[0])
        data[: len(found[0])] = found[0]
        del data[receive_after(self, data, args[0], args[1], len(found[0])) :]
        return bytes(data), found[1]

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """Receive into `buffer`; returns how many bytes came, and the sender's address."""
        count, address = patiently(self, READ, base.recvfrom_into, (buffer, nbytes, flags), 2)
        if count and flags and waits_for_all(self, flags):
            count = receive_after(self, buffer, nbytes, flags, count)
        return count, address

    def recvmsg(self, *args):
        """Receive data and ancillary data."""
        if len(args) == 1:
            args = (args[0], 0)
        found = patiently(self, READ, base.recvmsg, args, 2)
        if len(args) < 3 or found[1] or len(found[0]) in (0, args[0]) or not waits_for_all(self, args[2]):
            return found
        data = bytearray(args[0])
        data[: len(found[0])] = found[0]
        found = receive_messages(self, [data], args[1:], (len(found[0]), *found[1:]))
        return (bytes(data[: found[0]]), *found[1:])

    def recvmsg_into(self, *args):
        """Receive into several buffers, with ancillary data."""
        if not args:
            return base.recvmsg_into(self)
        buffers = list(args[0])
        args = (buffers, *(args[1:] or (0,)))
        found = patiently(self, READ, base.recvmsg_into, args, 2)
        if len(args) < 3 or not found[0] or found[1] or not waits_for_all(self, args[2]):
            return found
        return receive_messages(self, buffers, args[1:], found)

    def sendto(self, *args):
        """Send data to an address."""
        if len(args) == 2:
            args = (args[0], 0, args[1])
        elif len(args) != 3:
            return base.sendto(self, *args)  # it knows the words for that
        sent = patiently(self, WRITE, base.sendto, args, 1)
        return transmit_pieces(self, [args[0]], sent, args[1]) if sends_all(self, args[1]) else sent

    def sendmsg(self, *args):
        """Send data and ancillary data."""
        if not args:
            return base.sendmsg(self)
        pieces = list(args[0])
        args = (pieces, *([list(args[1]), *args[2:]] if len(args) > 1 else [()]))
        if args[1]:  # descriptors, perhaps
            share()
        if len(args) == 4 and args[3] is not None:
            args = (*args[:3], self._resolved(args[3]))
        sent = patiently(self, WRITE, base.sendmsg, args, 2)
        flags = args[2] if len(args) > 2 else 0
        return transmit_pieces(self, pieces, sent, flags) if sends_all(self, flags) else sent

    def setsockopt(self, *args):
        """Set an option of the socket."""
        base.setsockopt(self, *args)
        if args[0] == SOL_SOCKET and args[1] in (SO_RCVTIMEO, SO_SNDTIMEO, NEW_RCVTIMEO, NEW_SNDTIMEO):
            ask_again()

    def __del__(self):
        if head(self).sock_fd >= 0:
            forget(head(self).sock_fd)
        finalize(self)

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
        except (BlockingIOError, TimeoutError):
            return EAGAIN

    def _accept(self):
        """Accept a connection; returns its descriptor and the peer's address."""
        cdef double deadline = 0
        while True:
            found = accept_now(self, owned(head(self).sock_fd), &deadline)
            if found is not None:
                return found
            block(self, READ, &deadline)


cdef int establish(object sock, object address) except -1:
    """Connect; returns the error's number, 0 for none."""
    cdef double deadline = 0, pause = LOOK
    cdef int64_t timeout = head(sock).sock_timeout
    cdef int error
    if timeout == 0:
        return base.connect_ex(sock, address)
    while True:
        error = at_once(sock, base.connect_ex, (address,), False)
        if error == EAGAIN and not is_internet(sock):
            await_room(sock, &pause, &deadline, "room in a listener's backlog")
            continue
        break
    if error != EINPROGRESS and error != EALREADY and error != EINTR:
        return error
    try:
        block(sock, WRITE, &deadline)
    except BlockingIOError:  # the socket's own timeout
        return error
    return base.getsockopt(sock, _socket.SOL_SOCKET, _socket.SO_ERROR)


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
