# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""Several transfers of libcurl's, which share connections.

Invariant: a handle that is in a Multi is held by it: libcurl never has a pointer to an object that is gone.
"""

import time

cimport cython
from weft.fetch.handle cimport Handle, handle_of
from weft.fetch.libcurl cimport Maker, Namer, Setter, over, symbol

import pycurl

cdef extern from *:
    """
    typedef struct { int msg; void *easy; union { void *whatever; int result; } data; } weft_message;
    """
    ctypedef struct Outcome "weft_message":
        int msg
        void *easy
        int result "data.result"

ctypedef int (*MultiEnder)(void *) noexcept
ctypedef int (*Joiner)(void *, void *) noexcept
ctypedef int (*Actor)(void *, int, int, int *) noexcept
ctypedef Outcome *(*Reader)(void *, int *) noexcept

cdef enum:
    M_SOCKETDATA = 10002
    M_TIMERDATA = 10005
    DONE = 1  # CURLMSG_DONE

cdef int REMOVE = pycurl.POLL_REMOVE
cdef int IN = pycurl.POLL_IN
cdef int OUT = pycurl.POLL_OUT
cdef int M_SOCKET = pycurl.M_SOCKETFUNCTION
cdef int M_TIMER = pycurl.M_TIMERFUNCTION
cdef Maker multi_init = <Maker>symbol("curl_multi_init")
cdef MultiEnder multi_cleanup = <MultiEnder>symbol("curl_multi_cleanup")
cdef Setter multi_setopt = <Setter>symbol("curl_multi_setopt")
cdef Joiner multi_add = <Joiner>symbol("curl_multi_add_handle")
cdef Joiner multi_remove = <Joiner>symbol("curl_multi_remove_handle")
cdef Actor multi_act = <Actor>symbol("curl_multi_socket_action")
cdef Reader multi_read = <Reader>symbol("curl_multi_info_read")
cdef Namer multi_strerror = <Namer>symbol("curl_multi_strerror")
cdef object now = time.monotonic


@cython.no_gc_clear
cdef class Multi:
    """A ``CURLM *``: transfers that share connections.

    It registers the descriptors that libcurl waits for in a poller of the standard library, and itself in `owners` for each;
    ``deadline`` is the moment (``time.monotonic``) when libcurl wants to be called whatever happens.
    """

    def __cinit__(self, poller, int readable, int writable, long connections, dict owners):
        self.multi = multi_init()
        if self.multi is NULL:
            raise MemoryError("libcurl cannot begin: no memory, or no descriptor, is left")
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.readable = readable
        self.writable = writable
        self.owners = owners
        self.handles = set()
        self.deadline = float("inf")
        multi_setopt(self.multi, M_SOCKET, <void *>watch)
        multi_setopt(self.multi, M_SOCKETDATA, <void *>self)
        multi_setopt(self.multi, M_TIMER, <void *>time_out)
        multi_setopt(self.multi, M_TIMERDATA, <void *>self)
        multi_setopt(self.multi, <int>pycurl.M_MAXCONNECTS, connections)

    def __dealloc__(self):
        if not over():
            self.end()

    cdef void end(self) noexcept:
        if self.multi is NULL:
            return
        multi_setopt(self.multi, M_SOCKET, <void *>NULL)
        multi_setopt(self.multi, M_TIMER, <void *>NULL)
        for handle in self.handles:
            multi_remove(self.multi, (<Handle>handle).easy)
        multi_cleanup(self.multi)
        self.multi = NULL

    def close(self) -> None:
        """Close every connection."""
        self.end()
        self.handles.clear()

    def add(self, Handle handle not None) -> None:
        """Let a transfer begin."""
        if self.multi is NULL:
            raise ValueError("the fetcher is closed")
        cdef int code = multi_add(self.multi, handle.easy)
        if code:
            raise RuntimeError(f"libcurl does not begin: {multi_strerror(code).decode()}")
        self.handles.add(handle)

    def remove(self, Handle handle not None) -> None:
        """Take a transfer out, ended or not."""
        if handle in self.handles:
            multi_remove(self.multi, handle.easy)
            self.handles.discard(handle)

    cdef int act(self, int number, int what) except -1:
        """``curl_multi_socket_action``: tell what happened."""
        if self.multi is NULL:
            return 0
        cdef int running = 0
        cdef int code = multi_act(self.multi, number, what, &running)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if code:
            raise RuntimeError(multi_strerror(code).decode())
        return 0

    cdef bint collect(self) except -1:
        """Set the ``news`` of the transfers that have ended; true if there are any."""
        if self.multi is NULL:
            return False
        cdef int left = 0
        cdef bint found = False
        cdef Outcome *outcome = multi_read(self.multi, &left)
        while outcome is not NULL:
            if outcome.msg == DONE:
                found = True
                handle_of(outcome.easy).finish(outcome.result)
            outcome = multi_read(self.multi, &left)
        return found

    def fail(self, int code, str reason) -> None:
        """End every transfer."""
        for handle in self.handles:
            (<Handle>handle).fail(code, reason.encode())


cdef int watch(void *_easy, int number, int what, void *context, void *_data) noexcept:
    """``CURLMOPT_SOCKETFUNCTION``: wait for `what` on descriptor `number`."""
    multi = <Multi>context
    cdef int events = (0 if what == OUT else multi.readable) | (0 if what == IN else multi.writable)
    try:
        if what == REMOVE:
            if multi.owners.pop(number, None) is not None:
                try:
                    multi.unregister(number)
                except (OSError, KeyError):  # closed already: then it is not watched any more
                    pass
        elif number in multi.owners:
            multi.modify(number, events)
        else:
            multi.owners[number] = multi
            multi.register(number, events)
    except BaseException as error:
        multi.failure = error
        return -1
    return 0


cdef int time_out(void *_multi, long milliseconds, void *context) noexcept:
    """``CURLMOPT_TIMERFUNCTION``: call back after so long, whatever happens; -1: no need."""
    multi = <Multi>context
    multi.deadline = now() + milliseconds / 1000.0 if milliseconds >= 0 else float("inf")
    return 0
