# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Reading and writing a descriptor of any kind: try without blocking, park while it would block, try again.

Invariants:
- Readiness is a hint: another task, thread or process may be faster. So no attempt blocks, whatever
  poll says. O_NONBLOCK of a
  descriptor that others may share is never changed.
- A write moves everything, as a blocking write(2) does. After an error it returns what went before; the next call raises.
- A descriptor that was set not to block behaves as without weft: BlockingIOError.
- A regular file is always ready: its calls are the interpreter's own.

| kind | the way not to block (Linux 6.18) |
|---|---|
| pipe, eventfd, timerfd | RWF_NOWAIT |
| socket | MSG_DONTWAIT |
| FIFO, terminal | a description of our own, opened by way of /proc for the one call |
| inotify, the master end of a terminal | poll, then a helper thread, which blocks in our place if somebody was faster |
| FIFO, terminal, with no descriptor left | the same |
| terminal that waits for several bytes (VMIN) | poll, and a helper thread where that does not tell |

What a helper thread reads for a task that was cancelled meanwhile is lost.

Rejected: FIONREAD or poll before a blocking call, and writes of PIPE_BUF bytes at a time. Each
races with everybody who shares
the pipe.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.errno cimport EAGAIN, EINTR, EINVAL, EMFILE, ENFILE, errno
from libc.string cimport memcpy
from posix.unistd cimport close
from weft._core.attempts cimport system_limit
from weft._core.descriptors cimport wait_descriptor
from weft._core.poller cimport READ, UNASKED, WRITE, Descriptor, is_ready
from weft._core.budget cimport CALL, charge
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport time_left

import operator
import os
import sys

from weft._core.offload import ThreadPool

cdef extern from "Python.h":
    object PyMemoryView_FromMemory(char *memory, Py_ssize_t size, int flags)
    enum: PyBUF_READ

cdef extern from "nonblocking.h" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    enum: WEFT_PLAIN, WEFT_PIPE, WEFT_SOCKET, WEFT_TERMINAL, WEFT_OTHER, WEFT_HELP
    int weft_kind_of(int number)
    bint weft_is_raw(int number, int *least, int *tenths)
    ssize_t weft_attempt(int number, int kind, iovec *pieces, int count, int write)

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFL, O_NONBLOCK

cdef extern from "<poll.h>" nogil:
    enum: POLLIN, POLLOUT

cdef enum:
    LARGE = 65536  # bytes from which on the interpreter's lock is given away for an attempt
    MOST = 1 << 30  # bytes that a read asks for at most
    PIECES = 1024  # that the system takes at once (IOV_MAX)

cdef object standard_read = os.read, standard_write = os.write
cdef object standard_readv = os.readv, standard_writev = os.writev
cdef object standard_sendfile = getattr(os, "sendfile", None), standard_pread = os.pread
cdef object duplicate = os.dup
# as many as block: one that waited for another's end could wait for ever
cdef object helpers = ThreadPool(sys.maxsize, deaf=True)


cdef int fail() except -1:
    cdef int number = errno
    raise OSError(number, os.strerror(number))


cdef class Copy:
    """A copy of a descriptor, closed with the last reference to it.

    Where no descriptor is left it is the descriptor itself, so that a call which needs none does not
    fail. If the number is closed before the call begins, the call meets what has it then.
    """

    cdef int number  # of the copy
    cdef bint own  # it is to be closed

    def __cinit__(self, int number):
        self.number = number
        try:
            self.number = duplicate(number)
            self.own = True
        except OSError as error:
            if error.errno != EMFILE and error.errno != ENFILE:
                raise

    def __dealloc__(self):
        if self.own:
            close(self.number)


cdef object help_with(object call, int number, object argument, object kept):
    """Run ``call(number, argument)`` on a helper thread.

    The call gets a copy of the descriptor, because the number may be closed meanwhile. `kept` lives as
    long as the call, even if the task that waits for it does not.
    """
    cdef Copy copy = Copy(number)

    def run():
        try:
            return call(copy.number, argument)
        finally:
            bool(kept)

    return helpers.call(run)


cdef int index(object number) except? -1:
    """A descriptor as the system takes it; TypeError in the interpreter's words."""
    return number if type(number) is int else operator.index(number)


cdef ssize_t attempt(
    int number, int kind, iovec *pieces, int count, size_t size, int write
) except -3:
    """Bytes moved.

    -1 if the descriptor must be waited for, WEFT_HELP if nothing can be done without blocking.
    """
    cdef ssize_t moved
    if size == 0 and kind == WEFT_SOCKET and not write:
        return 0  # as readv(2); recvmsg(2) would wait, or take a datagram
    if kind == WEFT_TERMINAL and not write:
        moved = heed_least(number, size)
        if moved:
            return moved
    while True:
        if size >= LARGE:
            with nogil:
                moved = weft_attempt(number, kind, pieces, count, write)
        else:
            moved = weft_attempt(number, kind, pieces, count, write)
        if moved >= 0 or moved == WEFT_HELP:
            break
        if errno == EINTR:
            PyErr_CheckSignals()
        elif errno != EAGAIN or fcntl(number, F_GETFL) & O_NONBLOCK:
            fail()
        else:
            break
    # what cannot be waited for either is ready; so is what a thread must try
    if moved < 0 and kind == WEFT_OTHER:
        return WEFT_HELP if is_ready(number, POLLOUT if write else POLLIN) else -1
    if moved == WEFT_HELP and not is_ready(number, POLLOUT if write else POLLIN):
        return -1
    return moved


cdef ssize_t heed_least(int number, size_t size) except -3:
    """Before a read of a terminal that waits for several bytes (VMIN): 0 if an attempt gets them.

    -1 if it must be waited for. WEFT_HELP if nothing tells when all are there: poll(2) tells of VMIN
    bytes, of one if the bytes may be VTIME apart, and of no other number.
    """
    cdef int least = 0, tenths = 0
    if not weft_is_raw(number, &least, &tenths) or least < 2 or fcntl(number, F_GETFL) & O_NONBLOCK:
        return 0
    if tenths == 0 and size < <size_t>least:
        return WEFT_HELP
    if not is_ready(number, POLLIN):
        return -1
    return WEFT_HELP if tenths else 0


cdef double terminal_limit(int number, double *deadline) noexcept:
    """The seconds for which a read of a terminal waits for its first byte, -1 for no end."""
    cdef int least = 0, tenths = 0
    if not weft_is_raw(number, &least, &tenths) or least > 0:
        return -1
    return time_left(tenths * 0.1, deadline)


cdef int wait(int number, int kind, int direction, double *deadline) except -1:
    """Park until the descriptor may be ready; 0 if time has passed instead.

    A socket's own timeout counts (SO_RCVTIMEO, SO_SNDTIMEO): BlockingIOError. So does a terminal's
    (VTIME with VMIN 0): its read ends with nothing. `deadline` is 0 before the first wait of a call.
    """
    cdef Scheduler scheduler = get_scheduler()
    cdef Descriptor descriptor = scheduler.poller.find(number)
    cdef double limit = -1
    if kind == WEFT_SOCKET:
        if not descriptor.owned:  # the record may be an older file's
            descriptor.timed = UNASKED
        limit = system_limit(number, descriptor, direction, deadline)
    elif kind == WEFT_TERMINAL and direction == READ:
        limit = terminal_limit(number, deadline)
        if limit == 0:
            return 0
    return wait_descriptor(scheduler, descriptor, direction, limit, False)


cdef int kind_of(int number) except -1:
    """The kind of a descriptor, before a call.

    Where a call may park, others have their turn now and then.
    """
    cdef int kind = weft_kind_of(number)
    if kind != WEFT_PLAIN:
        charge(get_scheduler(), CALL)
    return kind


cdef class Pieces:
    """Buffers as the system takes them. They stay where they are until this object ends."""

    cdef iovec *vector  # what has not been moved yet begins at ``first``
    cdef Py_buffer *views  # the first ``held`` of them are to be released
    cdef int held
    cdef int first
    cdef int count  # of the vector
    cdef size_t size  # bytes from ``first`` on

    cdef int add(self, list buffers, int flags) except -1:
        cdef Py_ssize_t count = len(buffers)
        self.vector = <iovec *>PyMem_Calloc(count, sizeof(iovec))
        self.views = <Py_buffer *>PyMem_Calloc(count, sizeof(Py_buffer))
        if self.vector == NULL or self.views == NULL:
            raise MemoryError
        for buffer in buffers:
            PyObject_GetBuffer(buffer, &self.views[self.held], flags)
            self.vector[self.held].iov_base = self.views[self.held].buf
            self.vector[self.held].iov_len = self.views[self.held].len
            self.size += self.views[self.held].len
            self.held += 1
        self.count = self.held
        return 0

    cdef int advance(self, size_t moved) noexcept:
        """The first `moved` bytes are done."""
        self.size -= moved
        while moved:
            if moved < self.vector[self.first].iov_len:
                self.vector[self.first].iov_base = <char *>self.vector[self.first].iov_base + moved
                self.vector[self.first].iov_len -= moved
                return 0
            moved -= self.vector[self.first].iov_len
            self.first += 1
        return 0

    cdef list rest(self):
        """What has not been moved yet, as memory that this object keeps."""
        cdef int place
        cdef char *start
        cdef size_t size
        cdef list views = []
        for place in range(self.first, self.count):
            start, size = <char *>self.vector[place].iov_base, self.vector[place].iov_len
            views.append(PyMemoryView_FromMemory(start, size, PyBUF_READ))
        return views

    cdef ssize_t fill(self, bytes data) except -1:
        """Copy `data`, which is not longer than the buffers."""
        cdef const char *source = data
        cdef size_t left = len(data), count
        cdef int place
        for place in range(self.count):
            count = min(left, self.vector[place].iov_len)
            memcpy(self.vector[place].iov_base, source, count)
            source += count
            left -= count
        return len(data)

    def __dealloc__(self):
        cdef int place
        for place in range(self.held):
            PyBuffer_Release(&self.views[place])
        PyMem_Free(self.views)
        PyMem_Free(self.vector)


cdef ssize_t take(int number, int kind, Pieces pieces) except -1:
    """Read what there is into `pieces`; parks while there is nothing."""
    cdef ssize_t moved
    cdef double deadline = 0
    while True:
        moved = attempt(number, kind, pieces.vector, pieces.count, pieces.size, False)
        if moved >= 0:
            return moved
        if moved == WEFT_HELP:
            return pieces.fill(help_with(standard_read, number, pieces.size, None))
        if not wait(number, kind, READ, &deadline) and kind == WEFT_TERMINAL:
            return 0


cdef ssize_t give(int number, int kind, Pieces pieces) except -1:
    """Write all of `pieces`; parks while there is no room. Returns less only after an error."""
    cdef ssize_t moved, size = pieces.size
    cdef double deadline = 0
    cdef int left
    while True:
        try:
            left = pieces.count - pieces.first
            moved = attempt(number, kind, pieces.vector + pieces.first, left, pieces.size, True)
            if moved == WEFT_HELP:
                moved = help_with(standard_writev, number, pieces.rest(), pieces)
        except OSError as error:
            # without a number it is a signal handler's
            if error.errno is None or pieces.size == <size_t>size:
                raise
            return size - pieces.size
        if moved < 0:
            try:
                wait(number, kind, WRITE, &deadline)
            except BlockingIOError:
                if pieces.size == <size_t>size:
                    raise
                return size - pieces.size
            continue
        pieces.advance(moved)
        if pieces.size == 0 or kind == WEFT_OTHER:
            return size - pieces.size


def read(number, Py_ssize_t size) -> bytes:
    """Read at most `size` bytes as ``os.read`` does; parks while there is nothing."""
    cdef int fd = index(number), kind
    cdef iovec piece
    cdef ssize_t moved
    cdef double deadline = 0
    cdef object data
    if size < 0:
        raise OSError(EINVAL, os.strerror(EINVAL))
    kind = kind_of(fd)
    if kind == WEFT_PLAIN:
        return standard_read(fd, size)
    size = min(size, MOST)
    while True:
        data = PyBytes_FromStringAndSize(NULL, size)
        piece.iov_base = PyBytes_AS_STRING(data)
        piece.iov_len = size
        moved = attempt(fd, kind, &piece, 1, size, False)
        if moved >= 0:
            return data if moved == size else (<bytes>data)[:moved]
        data = None  # a task that waits holds no memory for what may come
        if moved == WEFT_HELP:
            return help_with(standard_read, fd, size, None)
        if not wait(fd, kind, READ, &deadline) and kind == WEFT_TERMINAL:
            return b""


def read_into(number, buffer) -> int:
    """Read into `buffer`; parks while there is nothing. Returns how many bytes came."""
    return readv(number, [buffer])


def readv(number, buffers) -> int:
    """Read into `buffers` as ``os.readv`` does; parks while there is nothing."""
    cdef int fd = index(number), kind = kind_of(fd)
    cdef Pieces pieces
    if kind == WEFT_PLAIN or not countable(buffers):
        return standard_readv(fd, buffers)
    pieces = gather(list(buffers), PyBUF_WRITABLE)
    return take(fd, kind, pieces)


def write(number, data) -> int:
    """Write all of `data`, as ``os.write`` does.

    Parks while there is no room. Returns how many bytes went.
    """
    cdef int fd = index(number), kind = kind_of(fd)
    if kind == WEFT_PLAIN:
        return standard_write(fd, data)
    return write_all(fd, kind, gather([data], PyBUF_SIMPLE))


def writev(number, buffers) -> int:
    """Write all of `buffers` as ``os.writev`` does; parks while there is no room."""
    cdef int fd = index(number), kind = kind_of(fd)
    cdef Pieces pieces
    if kind == WEFT_PLAIN or not countable(buffers):
        return standard_writev(fd, buffers)
    pieces = gather(list(buffers), PyBUF_SIMPLE)
    if pieces.size == 0:
        return standard_writev(fd, buffers)  # sendmsg(2) would send an empty datagram
    return write_all(fd, kind, pieces)


cdef bint countable(object buffers) except -1:
    """Return whether the system takes so many buffers.

    If not, the interpreter's own function says what is wrong.
    """
    return hasattr(buffers, "__len__") and 0 < len(buffers) <= PIECES


cdef Pieces gather(list buffers, int flags):
    """The memory of `buffers`."""
    cdef Pieces pieces = Pieces()
    pieces.add(buffers, flags)
    return pieces


cdef ssize_t write_all(int number, int kind, Pieces pieces) except -1:
    """Write all; a descriptor that was set not to block takes what goes at once."""
    cdef ssize_t moved = -1
    if fcntl(number, F_GETFL) & O_NONBLOCK:
        moved = attempt(number, kind, pieces.vector, pieces.count, pieces.size, True)
    return give(number, kind, pieces) if moved < 0 else moved


cdef bint may_block(int number, int kind) noexcept:
    """Return whether a call on descriptor `number` may block the thread."""
    cdef int mode = fcntl(number, F_GETFL)
    return kind != WEFT_PLAIN and mode >= 0 and not mode & O_NONBLOCK


def sendfile(int target, int source, offset, Py_ssize_t count) -> int:
    """Copy at most `count` bytes of a file to descriptor `target`, as ``os.sendfile`` does.

    Parks while there is no room. No flag keeps sendfile(2) from blocking. So the bytes of a regular
    file go by way of memory, a piece at a time, and a helper thread makes the call for any other
    source. Where nothing can block it is called.
    """
    cdef int kind = kind_of(target), origin = weft_kind_of(source)
    cdef bint blocks = may_block(target, kind)
    if count <= 0 or not (blocks or may_block(source, origin)):
        return standard_sendfile(target, source, offset, count)
    if origin != WEFT_PLAIN:
        if blocks:
            count = min(count, LARGE)
        return sendfile_with_help(target, kind, source, offset, count)
    place = os.lseek(source, 0, os.SEEK_CUR) if offset is None else offset
    data = standard_pread(source, min(count, LARGE), place)
    if not data:
        return 0
    sent = write(target, data)
    if offset is None:
        os.lseek(source, place + sent, os.SEEK_SET)
    return sent


cdef object sendfile_with_help(
    int target, int kind, int source, object offset, Py_ssize_t count
):
    """Make the call on a helper thread once there is room.

    A task that is cancelled before leaves no thread.
    """
    cdef double deadline = 0
    cdef Copy copy
    if may_block(target, kind):
        while not is_ready(target, POLLOUT):
            wait(target, kind, WRITE, &deadline)
    copy = Copy(source)

    def send(number, size):
        return standard_sendfile(number, copy.number, offset, size)

    return help_with(send, target, count, None)
