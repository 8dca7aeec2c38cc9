# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""libcurl, called from C: the very library that pycurl brings, without the Python that pycurl puts in the way of each page.

pycurl finds, builds and ships libcurl, and names its constants; its functions are looked up in the library that it has loaded (``dlsym``).
What is declared here is libcurl's ABI, which has not changed since 2006: https://curl.se/libcurl/abi.html.

Invariants:
- What libcurl calls back runs no bytecode on a page's way: it cannot park, Ctrl-C cannot strike in it, and it costs next to nothing.
- What goes wrong in a callback is kept (``failure``), ends the transfer, and is raised where the task waits.
- Nothing calls libcurl when the interpreter has ended.
- A handle that is in a Multi is held by it: libcurl never has a pointer to an object that is gone.
"""

import atexit
import os
import sys
import time

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, strncmp

import pycurl

from weft import Event

cdef extern from "dlfcn.h":
    void *dlopen(const char *, int) nogil
    void *dlsym(void *, const char *) nogil
    const int RTLD_NOW

cdef extern from "sys/socket.h":
    ctypedef struct Address "struct sockaddr":
        pass
    int open_socket "socket"(int, int, int) nogil


cdef extern from *:
    """
    #ifndef SOCK_CLOEXEC
    #define SOCK_CLOEXEC 0
    #endif
    typedef struct { int msg; void *easy; union { void *whatever; int result; } data; } weft_message;
    typedef struct { int family, socktype, protocol; unsigned int addrlen; struct sockaddr addr; } weft_address;
    """
    const int CLOSE_ON_EXEC "SOCK_CLOEXEC"
    ctypedef struct Outcome "weft_message":
        int msg
        void *easy
        int result "data.result"
    ctypedef struct Target "weft_address":
        int family
        int socktype
        int protocol
        unsigned int addrlen
        Address addr

ctypedef void *(*Maker)() noexcept
ctypedef void (*Ender)(void *) noexcept
ctypedef int (*MultiEnder)(void *) noexcept
ctypedef int (*Setter)(void *, int, ...) noexcept
ctypedef int (*Pauser)(void *, int) noexcept
ctypedef int (*Joiner)(void *, void *) noexcept
ctypedef int (*Actor)(void *, int, int, int *) noexcept
ctypedef Outcome *(*Reader)(void *, int *) noexcept
ctypedef const char *(*Namer)(int) noexcept
ctypedef const char *(*Teller)() noexcept
ctypedef void *(*Appender)(void *, const char *) noexcept

cdef enum:
    WORDS = 256  # CURL_ERROR_SIZE
    ERRORBUFFER = 10010
    SHARE = 10100
    OPENSOCKETDATA = 10164
    PREREQDATA = 10313
    SHARED = 1  # CURLSHOPT_SHARE
    COOKIES = 2  # CURL_LOCK_DATA_...
    NAMES = 3
    SESSIONS = 4
    PRIVATE = 10103
    GET_PRIVATE = 0x100015
    M_SOCKETDATA = 10002
    M_TIMERDATA = 10005
    PAUSE = 0x10000001  # CURL_WRITEFUNC_PAUSE
    DONE = 1  # CURLMSG_DONE
    MOST_HEADERS = 1048576  # bytes, of all answers on the way to a page; libcurl takes 300 KB for one answer

cdef int URL = pycurl.URL
cdef int REMOVE = pycurl.POLL_REMOVE
cdef int IN = pycurl.POLL_IN
cdef int OUT = pycurl.POLL_OUT
cdef int RESPONSE_CODE = pycurl.RESPONSE_CODE
cdef int REDIRECT_COUNT = pycurl.REDIRECT_COUNT
cdef int NUM_CONNECTS = pycurl.NUM_CONNECTS
cdef object RESETS = frozenset([pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR])
cdef int EFFECTIVE_URL = pycurl.EFFECTIVE_URL
cdef int PRIMARY_IP = pycurl.PRIMARY_IP
cdef int HTTP_VERSION = getattr(pycurl, "INFO_HTTP_VERSION", 0x200000 + 46)
cdef int M_SOCKET = pycurl.M_SOCKETFUNCTION
cdef int M_TIMER = pycurl.M_TIMERFUNCTION
cdef int[5] TIMES
TIMES[:] = [
    <int>pycurl.NAMELOOKUP_TIME,
    <int>pycurl.CONNECT_TIME,
    <int>pycurl.APPCONNECT_TIME,
    <int>pycurl.STARTTRANSFER_TIME,
    <int>pycurl.TOTAL_TIME,
]


cdef void *library() except NULL:
    """The library that pycurl has loaded: a module of its package, or itself."""
    module = sys.modules.get("pycurl._pycurl") or sys.modules.get("_pycurl") or pycurl
    cdef void *found = dlopen(os.fsencode(module.__file__), RTLD_NOW)
    if found is NULL or dlsym(found, "curl_multi_socket_action") is NULL:
        raise ImportError("weft.fetch needs a pycurl that loads libcurl as a library: pip install --force-reinstall pycurl")
    return found


cdef void *LIBRARY = library()
cdef Maker easy_init = <Maker>dlsym(LIBRARY, "curl_easy_init")
cdef Ender easy_cleanup = <Ender>dlsym(LIBRARY, "curl_easy_cleanup")
cdef Setter easy_setopt = <Setter>dlsym(LIBRARY, "curl_easy_setopt")
cdef Setter easy_getinfo = <Setter>dlsym(LIBRARY, "curl_easy_getinfo")
cdef Pauser easy_pause = <Pauser>dlsym(LIBRARY, "curl_easy_pause")
cdef Namer easy_strerror = <Namer>dlsym(LIBRARY, "curl_easy_strerror")
cdef Maker multi_init = <Maker>dlsym(LIBRARY, "curl_multi_init")
cdef MultiEnder multi_cleanup = <MultiEnder>dlsym(LIBRARY, "curl_multi_cleanup")
cdef Setter multi_setopt = <Setter>dlsym(LIBRARY, "curl_multi_setopt")
cdef Joiner multi_add = <Joiner>dlsym(LIBRARY, "curl_multi_add_handle")
cdef Joiner multi_remove = <Joiner>dlsym(LIBRARY, "curl_multi_remove_handle")
cdef Actor multi_act = <Actor>dlsym(LIBRARY, "curl_multi_socket_action")
cdef Reader multi_read = <Reader>dlsym(LIBRARY, "curl_multi_info_read")
cdef Namer multi_strerror = <Namer>dlsym(LIBRARY, "curl_multi_strerror")
cdef Maker share_init = <Maker>dlsym(LIBRARY, "curl_share_init")
cdef MultiEnder share_cleanup = <MultiEnder>dlsym(LIBRARY, "curl_share_cleanup")
cdef Setter share_setopt = <Setter>dlsym(LIBRARY, "curl_share_setopt")
cdef Appender slist_append = <Appender>dlsym(LIBRARY, "curl_slist_append")
cdef Ender slist_free = <Ender>dlsym(LIBRARY, "curl_slist_free_all")

if (<Teller>dlsym(LIBRARY, "curl_version"))().decode().split()[0] not in pycurl.version:
    raise ImportError(f"pycurl was built for another libcurl than the one it has loaded: {pycurl.version}")

cdef object now = time.monotonic
cdef bint over = False  # the interpreter ends, and pycurl may have ended libcurl before what is left here goes


def end() -> None:
    """What is left is left to the operating system."""
    global over
    over = True


atexit.register(end)


cdef class Strings:
    """A ``curl_slist``."""

    cdef void *first

    def __init__(self, strings):
        for string in strings:
            grown = slist_append(self.first, encoded(string))
            if grown is NULL:
                raise MemoryError
            self.first = grown

    def __dealloc__(self):
        if not over:
            slist_free(self.first)


cdef bytes encoded(string):
    """What libcurl takes as a string: no NUL in it, which would end it early."""
    made = string if isinstance(string, bytes) else string.encode()
    if b"\0" in made:
        raise ValueError(f"{string!r} contains a NUL")
    return made


@cython.no_gc_clear
cdef class Handle:
    """A ``CURL *``: one transfer at a time, and what came of the last one.

    ``news`` is an event: set when the transfer has ended, or when a body that is not to be held whole has come so far that someone must
    ``take`` it. ``code`` is libcurl's number, 0 for a page; ``failure`` what a callback raised.
    """

    def __cinit__(self):
        self.easy = easy_init()
        if self.easy is NULL:
            raise MemoryError
        self.kept = {}
        self.news = Event()
        easy_setopt(self.easy, PRIVATE, <void *>self)
        easy_setopt(self.easy, ERRORBUFFER, <char *>self.words)
        easy_setopt(self.easy, <int>pycurl.WRITEFUNCTION, <void *>take_body)
        easy_setopt(self.easy, <int>pycurl.WRITEDATA, <void *>self)
        easy_setopt(self.easy, <int>pycurl.HEADERFUNCTION, <void *>take_header)
        easy_setopt(self.easy, <int>pycurl.WRITEHEADER, <void *>self)
        easy_setopt(self.easy, <int>pycurl.OPENSOCKETFUNCTION, <void *>may_open)
        easy_setopt(self.easy, OPENSOCKETDATA, <void *>self)
        if hasattr(pycurl, "PREREQFUNCTION"):
            easy_setopt(self.easy, <int>pycurl.PREREQFUNCTION, <void *>stands)
            easy_setopt(self.easy, PREREQDATA, <void *>self)

    def __dealloc__(self):
        if self.easy is not NULL and not over:
            easy_cleanup(self.easy)
        free(self.head)

    def setopt(self, int option, value) -> None:
        """``curl_easy_setopt`` of a number, a string or several strings. ValueError if libcurl does not take it."""
        cdef int code
        if option < 10000:
            code = easy_setopt(self.easy, option, <long>value)
        elif option >= 30000:
            code = easy_setopt(self.easy, option, <long long>value)
        elif value is None:
            code = easy_setopt(self.easy, option, <void *>NULL)
        elif isinstance(value, Share):
            self.kept[SHARE] = value
            code = easy_setopt(self.easy, SHARE, (<Share>value).share)
        elif isinstance(value, list):
            strings = Strings(value)
            code = easy_setopt(self.easy, option, (<Strings>strings).first)
            self.kept[option] = strings  # those before it are not needed any more
        elif option == <int>pycurl.COPYPOSTFIELDS:  # its length was said before
            code = easy_setopt(self.easy, option, <char *>value)
        else:
            made = encoded(value)
            code = easy_setopt(self.easy, option, <char *>made)
        if code:
            raise ValueError(f"libcurl does not take {value!r} for option {option}: {easy_strerror(code).decode()}")

    def allow(self, allowed) -> None:
        """Ask ``allowed(address)`` before each connection; false, and it is not made."""
        self.allowed = allowed

    def prepare(self, url, bint keep, long long limit, size_t room, met) -> None:
        """Make ready for a page.

        `keep`: hold the body; more than `limit` bytes (0: no limit) end the transfer; `room`: bytes that are held until someone takes
        them (0: all); `met`: an event to be set when its connection stands, or None.
        """
        cdef bytes address = encoded(url)
        if easy_setopt(self.easy, URL, <char *>address):
            raise MemoryError
        self.keep = keep
        self.limit = limit
        self.room = room
        self.met = met
        self.chunks = None
        self.size = 0
        self.waiting = 0
        self.head_size = 0
        self.too_large = False
        self.forbidden = False
        self.refused = 0
        self.headed = False
        self.headers_too_large = False
        self.paused = False
        self.done = False
        self.failure = None
        self.code = 0
        self.words[0] = 0
        self.news.clear()

    @property
    def ended(self) -> bool:
        """Whether the transfer has."""
        return self.done

    @property
    def reason(self) -> str:
        """Why there is no page, in libcurl's words."""
        return (self.words if self.words[0] else easy_strerror(self.code)).decode("utf-8", "replace")

    @property
    def status(self) -> int:
        """The HTTP status of the last answer."""
        cdef long status = 0
        easy_getinfo(self.easy, RESPONSE_CODE, &status)
        return status

    @property
    def http(self) -> int:
        """libcurl's number of the HTTP version: 2 is 1.1, 3 is 2."""
        cdef long version = 0
        easy_getinfo(self.easy, HTTP_VERSION, &version)
        return version

    @property
    def stale(self) -> bool:
        """Whether a connection that was kept from earlier was dead when it was used again: not a byte came."""
        cdef long made = 0
        easy_getinfo(self.easy, NUM_CONNECTS, &made)
        return self.code in RESETS and not made and not self.head_size and not self.size

    @property
    def moved(self) -> str | None:
        """Where redirects led; None without any."""
        cdef long count = 0
        cdef char *address = NULL
        easy_getinfo(self.easy, REDIRECT_COUNT, &count)
        if count:
            easy_getinfo(self.easy, EFFECTIVE_URL, &address)
        return None if address is NULL else address.decode("utf-8", "replace")

    @property
    def address(self) -> str:
        """The IP address that answered."""
        cdef char *address = NULL
        easy_getinfo(self.easy, PRIMARY_IP, &address)
        return "" if address is NULL else address.decode("ascii", "replace")

    @property
    def times(self) -> tuple[float, float, float, float, float]:
        """Seconds from the start until the name was looked up, the connection stood, TLS stood, the first byte came, the last one."""
        cdef double[5] each
        cdef int index
        for index in range(5):
            each[index] = 0
            easy_getinfo(self.easy, TIMES[index], &each[index])
        return each[0], each[1], each[2], each[3], each[4]

    def header(self) -> bytes:
        """The header lines of every answer on the way, as they came."""
        return PyBytes_FromStringAndSize(self.head, self.head_size)

    def take(self) -> bytes:
        """What has come of the body and was not yet taken."""
        chunks, self.chunks = self.chunks, None
        self.waiting = 0
        if not chunks:
            return b""
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def resume(self) -> None:
        """Let more of the body come; what libcurl has held back comes at once."""
        if self.paused and not self.done:
            self.paused = False
            easy_pause(self.easy, 0)


cdef size_t take_body(char *data, size_t one, size_t count, void *context) noexcept:
    """``CURLOPT_WRITEFUNCTION``."""
    handle = <Handle>context
    if handle.room and handle.waiting >= handle.room:
        handle.paused = True
        handle.news.set()
        return PAUSE
    handle.size += count
    if handle.limit and handle.size > handle.limit:
        handle.too_large = True
        return 0  # not what it was given: libcurl ends the transfer
    if handle.keep:
        try:
            chunk = PyBytes_FromStringAndSize(data, count)
            if handle.chunks is None:
                handle.chunks = [chunk]
            else:
                handle.chunks.append(chunk)
        except MemoryError as error:
            handle.failure = error
            return 0
        handle.waiting += count
    return count


cdef size_t take_header(char *data, size_t one, size_t count, void *context) noexcept:
    """``CURLOPT_HEADERFUNCTION``: a line."""
    handle = <Handle>context
    cdef size_t size = handle.head_size + count
    cdef char *grown
    if size > handle.head_room:
        grown = NULL if size > MOST_HEADERS else <char *>realloc(handle.head, 2 * size)
        if grown is NULL:
            handle.headers_too_large = True
            return 0
        handle.head = grown
        handle.head_room = 2 * size
    if count <= 2:
        handle.headed = True
    elif count > 5 and strncmp(data, b"HTTP/", 5) == 0:
        handle.headed = False
    memcpy(handle.head + handle.head_size, data, count)
    handle.head_size = size
    return count


cdef int stands(void *context, char *_remote, char *_local, int _port, int _local_port) noexcept:
    """``CURLOPT_PREREQFUNCTION``: the connection stands, the request follows."""
    handle = <Handle>context
    if handle.met is not None:
        handle.met.set()
        handle.met = None
    return 0


cdef int may_open(void *context, int _purpose, Target *target) noexcept:
    """``CURLOPT_OPENSOCKETFUNCTION``: the address is known, the socket is not yet made."""
    handle = <Handle>context
    cdef int number
    try:
        if handle.allowed is None or handle.allowed(target.family, PyBytes_FromStringAndSize(<char *>&target.addr, target.addrlen)):
            number = open_socket(target.family, target.socktype | CLOSE_ON_EXEC, target.protocol)
            if number < 0:
                handle.refused = errno
            return number
        handle.forbidden = True
    except BaseException as error:
        handle.failure = error
    return -1


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
        if not over:
            share_cleanup(self.share)


@cython.no_gc_clear
cdef class Multi:
    """A ``CURLM *``: transfers that share connections.

    It registers the descriptors that libcurl waits for in a poller of the standard library, and itself in `owners` for each;
    ``deadline`` is the moment (``time.monotonic``) when libcurl wants to be called whatever happens.
    """

    def __cinit__(self, poller, int readable, int writable, long connections, dict owners):
        self.multi = multi_init()
        if self.multi is NULL:
            raise MemoryError
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
        if not over:
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

    def add(self, Handle handle) -> None:
        """Let a transfer begin."""
        if self.multi is NULL:
            raise ValueError("the fetcher is closed")
        cdef int code = multi_add(self.multi, handle.easy)
        if code:
            raise RuntimeError(f"libcurl does not begin: {multi_strerror(code).decode()}")
        self.handles.add(handle)

    def remove(self, Handle handle) -> None:
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
        cdef char *context
        cdef bint found = False
        cdef Outcome *outcome = multi_read(self.multi, &left)
        while outcome is not NULL:
            if outcome.msg == DONE:
                found = True
                context = NULL
                easy_getinfo(outcome.easy, GET_PRIVATE, &context)
                handle = <Handle><void *>context
                handle.code = outcome.result
                handle.done = True
                handle.news.set()
            outcome = multi_read(self.multi, &left)
        return found

    def fail(self, int code, str reason) -> None:
        """End every transfer."""
        cdef bytes words = reason.encode()[: WORDS - 1]
        for each in self.handles:
            handle = <Handle>each
            memcpy(handle.words, <char *>words, len(words) + 1)
            handle.code = code
            handle.done = True
            handle.news.set()


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
