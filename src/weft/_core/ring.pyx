# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Reads of regular files: at once what the system has in memory, by io_uring what the disk must bring.

Invariants:
- A read that was asked of the ring holds its buffer until the kernel has told its end, whatever becomes of the task that waits.
- A ring belongs to one scheduler, and ends with it: not before the last of its reads has.
- A forked child never touches the parent's ring: it shares its memory.
- Where the kernel has no io_uring, or does not lend it (containers often forbid it), or is asked for too much at once,
  the read is done `otherwise`: on a thread.

Measured (3.13, Linux 6, ext4; microseconds of CPU a read; the pool has 6 threads). In memory, 4 KB, by 1, 64 and 1,000 tasks at once:
pool 41, 8.9, 4.4; io_uring 1.7, 1.7, 1.8; preadv2 with RWF_NOWAIT 0.9, 1.0, 1.0. 1 MB: pool 107, 119, 337; io_uring 62, 63, 71; preadv2 61, 63, 69.
From the disk, 4 KB: pool 67, 40, 44; io_uring 33, 13, 18. 1 MB: pool 306, 383, 774; io_uring 308, 319, 786, which the disk decides.
So preadv2 is asked first, and the ring has the rest. Tried and dropped: the pool with 32 and 128 threads (4 KB from the disk: 44 to 55);
an eventfd for the ring's completions (the ring's own descriptor can be waited for).
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint64_t
from weft._core.descriptors cimport wait_descriptor
from weft._core.poller cimport READ
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler


from weft._core.queues import SimpleQueue
from weft._core.task import spawn

cdef extern from "ring.h" nogil:
    ctypedef struct weft_ring:
        int number
    int weft_ring_open(weft_ring *ring, unsigned room)
    void weft_ring_close(weft_ring *ring)
    int weft_ring_read(weft_ring *ring, int number, void *buffer, size_t size, uint64_t name)
    int weft_ring_take(weft_ring *ring, uint64_t *name, int *result)
    void weft_ring_wait(weft_ring *ring)
    ssize_t weft_read_cached(int number, void *buffer, size_t size)

cdef enum:
    ROOM = 4096  # reads that are under way at once
    FAIR = 1 << 20  # bytes that a task reads at once before others have their turn
cdef double LOOK = 0.001  # seconds between two looks at a ring that cannot be waited for

cdef Py_ssize_t taken = 0  # bytes read at once, by anybody


@cython.final
cdef class Piece:
    """Memory that is being read into, and who owns it."""

    cdef object owner
    cdef char *start
    cdef Py_ssize_t size
    cdef int result
    cdef bint done
    cdef object ended

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.start, self.size, 0, flags)


cdef Piece piece_of(object owner, char *start, Py_ssize_t size):
    cdef Piece piece = Piece.__new__(Piece)
    piece.owner, piece.start, piece.size = owner, start, size
    return piece


cdef class Ring:
    """A scheduler's ring, opened when it is first needed."""

    cdef weft_ring ring
    cdef bint opened, served
    cdef uint64_t newest
    cdef dict under_way

    def __cinit__(self):
        self.under_way = {}
        self.opened = weft_ring_open(&self.ring, ROOM) == 0

    def __dealloc__(self):
        if self.opened:
            while self.under_way:
                weft_ring_wait(&self.ring)
                self.take()
            weft_ring_close(&self.ring)

    cdef int take(self) except -1:
        """Tell the ends that the kernel has told."""
        cdef uint64_t name
        cdef int result
        cdef Piece piece
        while weft_ring_take(&self.ring, &name, &result):
            piece = self.under_way.pop(name)
            piece.result = result
            piece.done = True
            if piece.ended is not None:
                piece.ended.put(None)
        return 0

    def abandon(self) -> None:
        """In a forked child: the kernel reads into the parent's memory. Who waits reads otherwise."""
        cdef Piece piece
        for piece in self.under_way.values():
            piece.result = -2
            piece.done = True
            if piece.ended is not None:
                piece.ended.put(None)

    cdef int read(self, int number, Piece piece) except? -1:
        """Bytes read, or less than 0: it was not asked (-2), or failed (another error's number)."""
        cdef int asked
        if not self.opened or len(self.under_way) >= ROOM:
            return -2
        self.newest += 1
        self.under_way[self.newest] = piece
        with nogil:
            asked = weft_ring_read(&self.ring, number, piece.start, piece.size, self.newest)
        if asked < 1:
            del self.under_way[self.newest]
            return -2
        self.take()
        if not piece.done:
            piece.ended = SimpleQueue()
            if not self.served:
                self.served = True
                spawn(self.serve)
            piece.ended.get()
        return piece.result

    def serve(self):
        """The task that waits for the ring while anything is under way."""
        cdef Scheduler scheduler = get_scheduler()
        try:
            while self.under_way:
                try:
                    wait_descriptor(scheduler, scheduler.poller.find(self.ring.number), READ, -1, False)
                # the program has closed the ring's descriptor: its memory still tells the ends
                except OSError:
                    scheduler.park(None, LOOK, "the end of a read")
                self.take()
        finally:
            self.served = False


cdef int be_fair() except -1:
    """Before there is memory to hold: a thousand tasks that read a megabyte each would hold a gigabyte, and cold memory costs more than the read."""
    global taken
    if taken >= FAIR:
        taken = 0
        get_scheduler().pause()
    return 0


cdef Py_ssize_t fill(int number, object owner, char *start, Py_ssize_t size, object otherwise) except -1:
    """Fill the memory of `owner` from where the file stands; returns how many bytes came, fewer only at its end."""
    global taken
    cdef Scheduler scheduler = get_scheduler()
    cdef Piece piece
    cdef Py_ssize_t filled = 0, count
    cdef int error
    cdef bint cached = True  # whether the file system can say what it has in memory
    while filled < size:
        count = -1
        if cached:
            with nogil:
                count = weft_read_cached(number, start + filled, size - filled)
                error = errno
            if count < 0 and error == EINTR:
                continue
            cached = count >= 0 or error == EAGAIN
        if count >= 0:
            taken += count
        else:
            if scheduler.ring is None:
                scheduler.ring = Ring()
            piece = piece_of(owner, start + filled, size - filled)
            count = (<Ring>scheduler.ring).read(number, piece)
            if count < 0:
                count = otherwise(piece)
        if count == 0:
            break
        filled += count
    return filled


def read_into(int number, buffer, otherwise):
    """Fill `buffer` from where the regular file `number` stands; returns how many bytes came, fewer only at its end. The task may park.

    ``otherwise(buffer)`` is asked to read what cannot be read here, and raises what is wrong.
    """
    cdef object view = memoryview(buffer).cast("B")
    cdef Py_buffer raw
    be_fair()
    PyObject_GetBuffer(view, &raw, PyBUF_WRITABLE)
    try:
        return fill(number, view, <char *>raw.buf, raw.len, otherwise)
    finally:
        PyBuffer_Release(&raw)


def read_bytes(int number, Py_ssize_t size, otherwise):
    """At most `size` bytes from where the regular file `number` stands, fewer only at its end; for the rest as ``read_into``."""
    cdef object data
    cdef Py_ssize_t count
    be_fair()
    data = PyBytes_FromStringAndSize(NULL, size)
    count = fill(number, data, PyBytes_AS_STRING(data), size, otherwise)
    return data if count == size else data[:count]
