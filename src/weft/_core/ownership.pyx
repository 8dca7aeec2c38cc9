# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""What becomes of a socket's descriptor: it is made by weft, handed to it, given away or closed.

An owned descriptor is one whose closing weft sees: it is watched by edges, registered once, and its
waits make no system call.
"""

from weft._core.descriptors cimport claim, forget, recognize
from weft._core.poller cimport UNASKED, UNTIMED, Descriptor
from weft._core.schedulers cimport get_scheduler
from weft._core.socketobject cimport head


cdef bint owned(int number):
    cdef Descriptor descriptor = get_scheduler().poller.known(number)
    return descriptor is not None and descriptor.owned


def made(sock, parent=None) -> None:
    """`sock` has a new descriptor that weft made.

    It is watched by edges, registered once. From `parent` it may have timeouts.
    """
    cdef Descriptor descriptor
    claim(sock.fileno(), True)
    if parent is not None:
        descriptor = get_scheduler().poller.known(head(parent).sock_fd)
        if descriptor is None or descriptor.timed != UNTIMED:
            descriptor = get_scheduler().poller.known(sock.fileno())
            descriptor.timed = UNASKED


def alone(sock) -> None:
    """Nobody else shares the descriptor of `sock`.

    It is watched by edges from now on, if it is not yet.
    """
    cdef Descriptor descriptor
    if not owned(head(sock).sock_fd):
        recognize(head(sock).sock_fd)
        descriptor = get_scheduler().poller.find(head(sock).sock_fd)
        descriptor.owned = True


def handed(sock) -> None:
    """`sock` has a descriptor that was handed to weft: others may share it."""
    recognize(sock.fileno())


def closing(sock) -> None:
    """`sock` is about to be closed or detached: whoever waits for it gets OSError(EBADF)."""
    if head(sock).sock_fd >= 0:
        forget(head(sock).sock_fd)
