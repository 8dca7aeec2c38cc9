# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Accepting a connection without blocking, on a listener that other processes may share.

accept(2) has no flag for that, and O_NONBLOCK belongs to the description, which pre-forked servers share. These are the ways, in
the order of preference:

- O_NONBLOCK for the length of the call, on a listener that nobody else can have: weft made it, it is not inherited, and since the
  process began it neither forked nor gave descriptors away.
- io_uring: its accept does not block, whatever the mode of the descriptor (Linux 6.10). It is one system call, but the ring is a
  descriptor that stays open, so a process that shares nothing has none.
- accept(2) on a descriptor that was set not to block.
- A helper thread, when poll says that there is a connection. It blocks in our place if another process was faster, and gets the
  next connection. If the call that wanted it is over, the listener's next accept gets it. If none comes, the connection
  is closed with the last listener object that asked for it. If the listener is closed
  meanwhile, the helper stays blocked until one more connection comes, and drops it: nothing can call it back.

Rejected:

- O_NONBLOCK on and off around accept(2) on a shared listener. Another process's accept then fails, or ours blocks.
- An accept mutex. It does not bind processes without weft.
- SO_RCVTIMEO on the listener. It is shared too, and rounds up to 4 ms of standstill.
"""

from libc.errno cimport EAGAIN, EBADF, EINTR, EMFILE, ENFILE, ENOMEM, ENOSYS, errno
from libc.string cimport memset
from posix.unistd cimport close
from weft._core.attempts cimport at_once, remaining
from weft._core.poller cimport identify, readable
from weft._core.queues cimport SimpleQueue
from weft._core.socketobject cimport AF_INET, AF_INET6, AF_UNIX, head

import _socket
import _thread
import os
import weakref
from _queue import Empty


cdef extern from "ring.h" nogil:
    ctypedef unsigned int socklen_t
    ctypedef struct weft_ring:
        int number
    int weft_ring_open(weft_ring *ring, unsigned room)
    void weft_ring_close(weft_ring *ring)
    int weft_ring_accept(weft_ring *ring, int number, void *address, socklen_t *size)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "accepting.h":
    int weft_accept(int number, bint toggle, void *address, socklen_t *size)

cdef extern from "<netinet/in.h>" nogil:
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        unsigned int sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        unsigned int sin6_flowinfo
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    struct sockaddr_storage:
        pass
    unsigned short ntohs(unsigned short number)
    unsigned int ntohl(unsigned int number)

cdef extern from "<sys/un.h>" nogil:
    struct sockaddr_un:
        char sun_path[108]

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK

cdef enum Ring:
    UNTRIED, USABLE, REFUSED

cdef weft_ring ring  # one for the process: an accept ends before anybody else can ask
cdef Ring state = UNTRIED
cdef bint shared = False  # another process may have what this one has
# of connections that helpers have accepted, by the listener's device and inode
cdef object lines = weakref.WeakValueDictionary()
cdef object keepers = weakref.WeakKeyDictionary()  # the line of each listener object that asked
cdef set helped = set()  # listeners that a helper accepts on
cdef object base = _socket.socket
cdef object start_thread = _thread.start_new_thread


class Line(SimpleQueue):
    """Connections that helpers have accepted for one listener, which can be referred to weakly.

    A helper brings one connection. Whoever else waits for one then looks at the listener again, and
    starts the next helper: they get None.
    """

    def bring(self, found):
        """Hand `found` to the first who waits, and None to the others."""
        self.put(found)
        cdef Py_ssize_t others = (<SimpleQueue>self).takers.size
        while others > 0:
            self.put(None)
            others -= 1


cdef class Accepted:
    """A connection that nobody has taken. It is closed if nobody does."""

    cdef int number  # its descriptor, -1 once somebody has it
    cdef object address  # of the peer

    def __cinit__(self):
        self.number = -1

    def __dealloc__(self):
        if self.number >= 0:
            close(self.number)

    cdef tuple take(self):
        cdef int number = self.number
        self.number = -1
        return number, self.address


cdef Accepted accepted_by(object copy):
    """Accept a connection on `copy`. Blocks the thread."""
    cdef Accepted found = Accepted.__new__(Accepted)
    found.number, found.address = base._accept(copy)
    return found


cdef bint ring_serves() noexcept:
    """Return whether io_uring can accept without waiting; the first question opens the ring."""
    global state
    if state == UNTRIED:
        state = REFUSED
        if weft_ring_open(&ring, 8) == 0:
            # an older kernel does not know the flag: EINVAL
            if weft_ring_accept(&ring, -1, NULL, NULL) == -EBADF:
                state = USABLE
            else:
                weft_ring_close(&ring)
        elif errno == EMFILE or errno == ENFILE or errno == ENOMEM:  # for now
            state = UNTRIED
    return state == USABLE


cdef object accept_now(object sock, bint exclusive, double *deadline):
    """The descriptor of a connection and the peer's address.

    None if there is none now. `exclusive`: weft made the listener.
    """
    cdef int number = head(sock).sock_fd
    if exclusive and not shared and fcntl(number, F_GETFD) & FD_CLOEXEC:
        return accept_alone(sock, False)
    if has_known_address(sock) and ring_serves():
        found = accept_by_ring(sock)
        if found is not NotImplemented:
            return found
        renounce()
    if fcntl(number, F_GETFL) & O_NONBLOCK:
        return accept_alone(sock, True)
    return accept_helped(sock, deadline)


cdef object accept_alone(object sock, bint nonblocking):
    """accept(2), which does not block: the descriptor is set so, or is for as long as it takes."""
    cdef sockaddr_storage address
    cdef socklen_t size
    cdef int result = -1, error = EINTR
    if has_known_address(sock):
        while result < 0 and error == EINTR:
            memset(&address, 0, sizeof(address))
            size = sizeof(address)
            result = weft_accept(head(sock).sock_fd, not nonblocking, &address, &size)
            error = errno
            if result < 0 and error == EINTR:
                PyErr_CheckSignals()
        return connection(sock, result if result >= 0 else -error, &address, size)
    try:
        return at_once(sock, base._accept, (), nonblocking)
    except BlockingIOError:
        return None


cdef bint has_known_address(object sock) noexcept:
    cdef int family = head(sock).sock_family
    return family == AF_INET or family == AF_INET6 or family == AF_UNIX


cdef object accept_by_ring(object sock):
    """Accept by io_uring; NotImplemented if the ring could not be asked."""
    cdef sockaddr_storage address
    cdef socklen_t size
    cdef int result = -EINTR
    while result == -EINTR:
        memset(&address, 0, sizeof(address))
        size = sizeof(address)
        result = weft_ring_accept(&ring, head(sock).sock_fd, &address, &size)
    if result == -ENOSYS:
        return NotImplemented
    return connection(sock, result, &address, size)


cdef object connection(object sock, int result, sockaddr_storage *address, socklen_t size):
    """Return a connection's descriptor and the peer's address, or None if nobody connects now.

    `result`: the descriptor that accepting on `sock` brought; less than 0, an error's number, which is raised.
    """
    if result >= 0:
        try:
            return result, address_of(head(sock).sock_family, address, size)
        except BaseException:
            close(result)
            raise
    if result == -EAGAIN:
        return None
    raise OSError(-result, os.strerror(-result))


cdef int renounce() except -1:
    """The ring is gone: the program has closed its descriptor. The next accept opens another."""
    global state
    weft_ring_close(&ring)
    state = UNTRIED
    return 0


cdef object accept_helped(object sock, double *deadline):
    cdef unsigned long long device = 0, inode = 0
    cdef double left
    identify(head(sock).sock_fd, &device, &inode)
    key = (device, inode)
    found = None
    while found is None:  # the helper served another: look again, for nothing tells of what waits already
        line = lines.get(key)
        if line is None or not (<SimpleQueue>line).items:
            if key not in helped:
                if not readable(head(sock).sock_fd):
                    return None
                if line is None:
                    line = lines[key] = Line()
                keepers[sock] = line
                help_accept(sock, key, line)
            left = remaining(sock, deadline)
            try:
                found = line.get(True, None if left < 0 else left)
            except Empty:  # the helper keeps its place; the caller's next wait times out
                return None
        elif (<SimpleQueue>line).attempt():  # nobody runs in between
            found = (<SimpleQueue>line).claim()
        if not (<SimpleQueue>line).items and key not in helped and lines.get(key) is line:
            del lines[key]
            keepers.pop(sock, None)
    if isinstance(found, Exception):
        raise found
    return (<Accepted>found).take()


cdef int help_accept(object sock, object key, object line) except -1:
    """Let a thread accept one connection, and put it in `line`."""
    copy = base(sock.family, sock.type, sock.proto, os.dup(head(sock).sock_fd))
    listener = weakref.ref(sock)

    def accept():
        try:
            found = accepted_by(copy)
        except Exception as error:
            found = error
        copy.close()
        helped.discard(key)
        owner = listener()
        if owner is not None and owner.fileno() >= 0:
            line.bring(found)
            return
        lines.pop(key, None)  # a connection is closed here

    helped.add(key)
    try:
        start_thread(accept, ())
    except BaseException:
        helped.discard(key)
        copy.close()
        raise
    return 0


cdef object address_of(int family, sockaddr_storage *address, socklen_t size):
    """A peer's address as the standard library has it."""
    cdef sockaddr_in *inet = <sockaddr_in *>address
    cdef sockaddr_in6 *inet6 = <sockaddr_in6 *>address
    cdef sockaddr_un *local = <sockaddr_un *>address
    cdef Py_ssize_t length
    if family == AF_INET:
        return _socket.inet_ntop(family, (<char *>&inet.sin_addr)[:4]), ntohs(inet.sin_port)
    if family == AF_INET6:
        host = _socket.inet_ntop(family, (<char *>&inet6.sin6_addr)[:16])
        return host, ntohs(inet6.sin6_port), ntohl(inet6.sin6_flowinfo), inet6.sin6_scope_id
    length = <Py_ssize_t>size - (<char *>local.sun_path - <char *>local)
    if length > 0 and local.sun_path[0] == 0:
        return (<char *>local.sun_path)[:length]
    return os.fsdecode(<bytes>local.sun_path)


def do_without_ring() -> None:
    """Accept as a kernel without io_uring makes weft accept: for tests."""
    global state
    if state == USABLE:
        weft_ring_close(&ring)
    state = REFUSED


cpdef object share():
    """Descriptors of this process go to another: no listener is this one's alone from now on."""
    global shared
    shared = True


def after_fork_in_child():
    """The ring is the parent's. What helpers have accepted stays open in the parent."""
    global state
    share()
    if state == USABLE:
        weft_ring_close(&ring)
        state = UNTRIED
    lines.clear()
    keepers.clear()
    helped.clear()


os.register_at_fork(after_in_parent=share, after_in_child=after_fork_in_child)
