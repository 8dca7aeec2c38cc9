# cython: language_level=3, binding=False
"""What a fetch returns."""

from weft.fetch.headers import Headers, Timing


cdef class Page:
    """One page. A status of 400 and more is a page, too: see ``ok``."""

    cdef readonly str url
    cdef readonly str final_url
    cdef readonly int status
    cdef readonly long long size
    cdef readonly bytes body
    cdef readonly object file
    cdef readonly str address
    cdef readonly int attempts
    cdef readonly double began
    cdef bytes raw
    cdef int version
    cdef tuple times
    cdef object fields

    def __init__(self, str url, str final_url, int status, long long size, bytes body, bytes raw, tuple times, int version=0,
                 str address="", double began=0, file=None, int attempts=1):
        self.url = url
        self.final_url = final_url
        self.status = status
        self.size = size
        self.body = body
        self.raw = raw
        self.times = times
        self.version = version
        self.address = address
        self.began = began
        self.file = file
        self.attempts = attempts

    @property
    def headers(self):
        """The header fields of the answer; parsed when they are first asked for."""
        if self.fields is None:
            self.fields = Headers(self.raw)
        return self.fields

    @property
    def timing(self):
        """How long each phase took."""
        return Timing(*self.times)

    @property
    def seconds(self) -> float:
        """From the start of the request to the last byte."""
        return self.times[4]

    @property
    def http(self) -> str:
        """The HTTP version: "1.0", "1.1", "2" or "3"."""
        return VERSIONS.get(self.version, "")

    @property
    def ok(self) -> bool:
        """True for a status below 400."""
        return self.status < 400

    cdef tuple parts(self):
        return (self.url, self.final_url, self.status, self.size, self.body, self.raw, self.times, self.version, self.address,
                self.began, self.file, self.attempts)

    def tried(self, int attempts) -> Page:
        """The same after so many attempts."""
        self.attempts = attempts
        return self

    def __reduce__(self):
        return Page, self.parts()

    def __eq__(self, other):
        return self.parts() == (<Page>other).parts() if isinstance(other, Page) else NotImplemented

    def __hash__(self):
        return hash(self.parts())

    def __repr__(self) -> str:
        return f"<Page {self.url} {self.status}, {self.size:,} bytes, {self.seconds:.3f} s>"


VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3"}
