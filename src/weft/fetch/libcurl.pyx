# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""libcurl, called from C: the very library that pycurl brings, without the Python that pycurl puts in the way of each page.

pycurl finds, builds and ships libcurl, and names its constants; its functions are looked up in the library that it has loaded (``dlsym``),
by whoever calls them (``symbol``). What is declared is libcurl's ABI, which has not changed since 2006: https://curl.se/libcurl/abi.html.
Here is what stands under a transfer (``handle``) and several (``multi``): strings, and what transfers share.

Invariant: nothing calls libcurl when the interpreter has ended (``over``).
"""

import atexit
import os
import sys

import pycurl

cdef extern from "dlfcn.h":
    void *dlopen(const char *, int) nogil
    void *dlsym(void *, const char *) nogil
    const int RTLD_NOW

ctypedef int (*ShareEnder)(void *) noexcept
ctypedef const char *(*Teller)() noexcept
ctypedef void *(*Appender)(void *, const char *) noexcept

cdef enum:
    SHARED = 1  # CURLSHOPT_SHARE
    COOKIES = 2  # CURL_LOCK_DATA_...
    NAMES = 3
    SESSIONS = 4


cdef void *library() except NULL:
    """The library that pycurl has loaded: a module of its package, or itself."""
    module = sys.modules.get("pycurl._pycurl") or sys.modules.get("_pycurl") or pycurl
    cdef void *found = dlopen(os.fsencode(module.__file__), RTLD_NOW)
    if found is NULL:
        raise ImportError(f"weft.fetch cannot open {module.__file__}")
    return found


cdef void *LIBRARY = library()


cdef void *symbol(const char *name) except NULL:
    """A function of libcurl."""
    cdef void *found = dlsym(LIBRARY, name)
    if found is NULL:
        raise ImportError("weft.fetch needs a pycurl that loads libcurl as a library: pip install --force-reinstall pycurl")
    return found


cdef Maker share_init = <Maker>symbol("curl_share_init")
cdef ShareEnder share_cleanup = <ShareEnder>symbol("curl_share_cleanup")
cdef Setter share_setopt = <Setter>symbol("curl_share_setopt")
cdef Appender slist_append = <Appender>symbol("curl_slist_append")
cdef Ender slist_free = <Ender>symbol("curl_slist_free_all")

if (<Teller>symbol("curl_version"))().decode().split()[0] not in pycurl.version:
    raise ImportError(f"pycurl was built for another libcurl than the one it has loaded: {pycurl.version}")

cdef bint ended = False


cdef bint over() noexcept:
    """Whether the interpreter ends: pycurl may have ended libcurl before what is left of ours goes, and it is left to the system."""
    return ended


def end() -> None:
    """The interpreter ends."""
    global ended
    ended = True


atexit.register(end)


cdef class Strings:
    """A ``curl_slist``."""

    def __init__(self, strings):
        for string in strings:
            grown = slist_append(self.first, encoded(string))
            if grown is NULL:
                raise MemoryError
            self.first = grown

    def __dealloc__(self):
        if not over():
            slist_free(self.first)


cdef bytes encoded(string):
    """What libcurl takes as a string: no NUL in it, which would end it early."""
    made = string if isinstance(string, bytes) else string.encode()
    if b"\0" in made:
        raise ValueError(f"{string!r} contains a NUL")
    return made


cdef class Share:
    """A ``CURLSH *``: what the transfers of several Multis have in common: names that were looked up, TLS sessions, cookies if asked."""

    def __cinit__(self, bint cookies):
        self.share = share_init()
        if self.share is NULL:
            raise MemoryError
        share_setopt(self.share, SHARED, <int>NAMES)
        share_setopt(self.share, SHARED, <int>SESSIONS)
        if cookies:
            share_setopt(self.share, SHARED, <int>COOKIES)

    def __dealloc__(self):
        if not over():
            share_cleanup(self.share)
