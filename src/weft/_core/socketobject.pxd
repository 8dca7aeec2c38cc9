"""The interpreter's own socket object, as far as weft reads it, and the calls that it is read for."""

from libc.stdint cimport int64_t

cdef extern from "socketobject.h":
    ctypedef struct weft_socket:
        int sock_fd
        int sock_family
        int sock_type
        int64_t sock_timeout

cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_recv "recv"(int number, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int number, const void *buffer, size_t size, int flags)
    enum: AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, SOL_SOCKET, SO_RCVTIMEO, SO_SNDTIMEO
    enum: MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL


cdef inline weft_socket *head(object sock):
    return <weft_socket *><void *>sock


cdef inline bint is_internet(object sock):
    return head(sock).sock_family == AF_INET or head(sock).sock_family == AF_INET6
