# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""One transfer of libcurl's.

Invariants:
- What libcurl calls back runs no bytecode on a page's way: it cannot park, Ctrl-C cannot strike in it, and it costs next to nothing.
- What goes wrong in a callback is kept (``failure``), ends the transfer, and is raised where the task waits.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, strncmp
from weft.fetch.libcurl cimport Ender, Maker, Namer, Setter, Share, Strings, encoded, over, symbol

import pycurl

from weft import Event

cdef extern from "sys/socket.h":
    ctypedef struct Address "struct sockaddr":
        pass
    int open_socket "socket"(int, int, int) nogil


cdef extern from *:
    """
    #ifndef SOCK_CLOEXEC
    #define SOCK_CLOEXEC 0
    #endif
    typedef struct { int family, socktype, protocol; unsigned int addrlen; struct sockaddr addr; } weft_address;
    """
    const int CLOSE_ON_EXEC "SOCK_CLOEXEC"
    ctypedef struct Target "weft_address":
        int family
        int socktype
        int protocol
        unsigned int addrlen
        Address addr

ctypedef int (*Pauser)(void *, int) noexcept

cdef enum:
    ERRORBUFFER = 10010
    PRIVATE = 10103
    GET_PRIVATE = 0x100015
    OPENSOCKETDATA = 10164
    PREREQDATA = 10313
    PAUSE = 0x10000001  # CURL_WRITEFUNC_PAUSE
    MOST_HEADERS = 1048576  # bytes, of all answers on the way to a page; libcurl takes 300 KB for one answer

cdef int URL = pycurl.URL
cdef int RESPONSE_CODE = pycurl.RESPONSE_CODE
cdef int REDIRECT_COUNT = pycurl.REDIRECT_COUNT
cdef int NUM_CONNECTS = pycurl.NUM_CONNECTS
cdef int EFFECTIVE_URL = pycurl.EFFECTIVE_URL
cdef int PRIMARY_IP = pycurl.PRIMARY_IP
cdef int HTTP_VERSION = getattr(pycurl, "INFO_HTTP_VERSION", 0x200000 + 46)
cdef object RESETS = frozenset([pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR])
cdef int[5] TIMES
TIMES[:] = [
    <int>pycurl.NAMELOOKUP_TIME,
    <int>pycurl.CONNECT_TIME,
    <int>pycurl.APPCONNECT_TIME,
    <int>pycurl.STARTTRANSFER_TIME,
    <int>pycurl.TOTAL_TIME,
]


cdef Maker easy_init = <Maker>symbol("curl_easy_init")
cdef Ender easy_cleanup = <Ender>symbol("curl_easy_cleanup")
cdef Setter easy_setopt = <Setter>symbol("curl_easy_setopt")
cdef Setter easy_getinfo = <Setter>symbol("curl_easy_getinfo")
cdef Pauser easy_pause = <Pauser>symbol("curl_easy_pause")
cdef Namer easy_strerror = <Namer>symbol("curl_easy_strerror")


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
        if self.easy is not NULL and not over():
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
            code = easy_setopt(self.easy, option, (<Share>value).share)
            self.kept[option] = value
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

    cdef int finish(self, int code) except -1:
        """The transfer has ended."""
        self.code = code
        self.done = True
        self.news.set()
        return 0

    cdef int fail(self, int code, bytes words) except -1:
        """The transfer cannot go on."""
        words = words[: sizeof(self.words) - 1]
        memcpy(self.words, <char *>words, len(words) + 1)
        return self.finish(code)

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


cdef Handle handle_of(void *easy):
    """The object behind a ``CURL *``."""
    cdef char *context = NULL
    easy_getinfo(easy, GET_PRIVATE, &context)
    return <Handle><void *>context
