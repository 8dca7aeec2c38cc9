"""What holds for every page of a fetcher."""

import ssl
from dataclasses import dataclass, field

import pycurl

from weft.fetch.libcurl import Handle, Share

__all__ = ["Options"]

REDIRECTS = 20
MAXIMUM = 1024**3  # bytes
VERSIONS = {"1.1": pycurl.CURL_HTTP_VERSION_1_1, "2": pycurl.CURL_HTTP_VERSION_2TLS}


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every page of a fetcher. ValueError for what makes no sense."""

    timeout: float = 60.0
    """Seconds for a whole page, each attempt anew."""
    connect_timeout: float = 30.0
    """Seconds until the connection stands, TLS included."""
    idle_timeout: float = 30.0
    """Seconds without a byte."""
    cacert: str | None = None
    """PEM file of the authorities to trust instead of the system's."""
    insecure: bool = False
    """Do not check certificates."""
    keep: bool = True
    """Keep bodies; without it only their sizes are counted."""
    method: str | None = None
    """The request's method; None: POST with `data`, else GET."""
    headers: tuple[str, ...] = ()
    """Header fields to send, each ``"Name: value"``."""
    data: bytes | None = None
    """The request's body."""
    user: str | None = None
    """``"name:password"`` for the server."""
    user_agent: str = "weft"
    """How the requests call themselves."""
    proxy: str | None = None
    """The proxy's URL: http, https, socks4, socks5, socks5h."""
    http: str | None = None
    """The HTTP version: "1.1" or "2"; None: what the server offers."""
    max_size: int = MAXIMUM
    """Bytes of a body, after decompression, beyond which it is an error; 0: no limit."""
    retries: int = 0
    """How often a page is tried again after an error that may pass."""
    per_host: int = 0
    """Pages of one host at a time; 0: no limit of its own."""
    rate: float = 0.0
    """Pages of one host a second; 0: no limit."""
    resolve: tuple[str, ...] = field(default=())
    """Addresses for names, each ``"host:port:address"``, in the place of a look-up."""

    def __post_init__(self) -> None:
        for name in ("timeout", "connect_timeout", "idle_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be more than 0 seconds")
        for name in ("max_size", "retries", "per_host", "rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if self.http is not None and self.http not in VERSIONS:
            raise ValueError(f"http is {self.http!r}; it is one of {', '.join(VERSIONS)}")
        for line in self.headers:
            if ":" not in line or "\n" in line or "\r" in line:
                raise ValueError(f"header {line!r} is not of the form 'Name: value'")

    def handle(self, authorities: tuple[int, str] | None, share: Share) -> Handle:
        """A handle with everything set that is the same for all pages; `authorities` are those of ``authorities()``, asked once for all."""
        curl = Handle()
        curl.setopt(pycurl.SHARE, share)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, REDIRECTS)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.PIPEWAIT, 1)  # share a connection that has only just been made
        curl.setopt(pycurl.USERAGENT, self.user_agent)
        curl.setopt(pycurl.TIMEOUT_MS, milliseconds(self.timeout))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, milliseconds(self.connect_timeout))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, round(self.idle_timeout)))
        if self.http is not None:
            curl.setopt(pycurl.HTTP_VERSION, VERSIONS[self.http])
        if self.headers:
            curl.setopt(pycurl.HTTPHEADER, list(self.headers))
        if self.data is not None:
            curl.setopt(pycurl.POSTFIELDSIZE, len(self.data))
            curl.setopt(pycurl.COPYPOSTFIELDS, self.data)
        if self.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif self.method is not None:
            curl.setopt(pycurl.CUSTOMREQUEST, self.method)
        if self.user is not None:
            curl.setopt(pycurl.USERPWD, self.user)
        if self.proxy is not None:
            curl.setopt(pycurl.PROXY, self.proxy)
        if self.resolve:
            curl.setopt(pycurl.RESOLVE, list(self.resolve))
        if self.insecure:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        elif authorities is not None:
            curl.setopt(*authorities)
        return curl

    def authorities(self) -> tuple[int, str] | None:
        """Whose certificates are believed, as libcurl is told; None: those that it knows itself. What the system has is looked up anew."""
        paths = ssl.get_default_verify_paths()  # SSL_CERT_FILE and SSL_CERT_DIR included
        file = self.cacert or paths.cafile
        if file:
            return pycurl.CAINFO, file
        return (pycurl.CAPATH, paths.capath) if paths.capath else None


def milliseconds(seconds: float) -> int:
    return max(1, min(int(seconds * 1000), 2**31 - 1))
