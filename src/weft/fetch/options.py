"""What holds for every page of a fetcher."""

import ipaddress
import socket
import ssl
from dataclasses import dataclass, field

import pycurl

from weft.fetch.handle import Handle
from weft.fetch.libcurl import Share

__all__ = ["Options"]

BEARER = 64  # CURLAUTH_BEARER, not named by every pycurl
MAXIMUM = 1024**3  # bytes
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
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
    bearer: str | None = None
    """A token for the server (RFC 6750)."""
    netrc: bool = False
    """Take names and passwords from ``~/.netrc``."""
    cert: str | None = None
    """PEM file of a client certificate."""
    key: str | None = None
    """PEM file of its key, if it is not in the same."""
    cookies: bool = False
    """Keep the cookies that servers set, and send them back."""
    cookie: str | None = None
    """Cookies to send, ``"name=value; name=value"``."""
    range: str | None = None
    """Bytes to ask for, ``"0-499"`` (RFC 9110, section 14)."""
    ip: int | None = None
    """4 or 6: connect by that version of the Internet Protocol alone."""
    compressed: bool = True
    """Take compressed answers, and undo it."""
    redirects: int = 20
    """How many redirects are followed; 0: none."""
    first_byte_timeout: float = 0.0
    """Seconds until the first byte of the answer; 0: no limit but `timeout`."""
    breaker: int = 0
    """Failures in a row after which a host counts as down, and is left alone for 30 seconds; 0: never."""
    robots: bool = False
    """Obey robots.txt, and its Crawl-delay."""
    public_only: bool = False
    """Connect to public addresses alone: none of a private network, nor of this machine."""
    conditional: bool = False
    """Ask for a page only if it has changed, where it is known what it was (``Run``)."""
    resolve: tuple[str, ...] = field(default=())
    """Addresses for names, each ``"host:port:address"``, in the place of a look-up."""

    def __post_init__(self) -> None:
        for name in ("timeout", "connect_timeout", "idle_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be more than 0 seconds")
        for name in ("max_size", "retries", "per_host", "rate", "redirects", "first_byte_timeout", "breaker"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if self.ip not in (None, 4, 6):
            raise ValueError(f"ip is {self.ip}; it is 4 or 6")
        if self.public_only and self.proxy is not None:
            raise ValueError("public_only and proxy: it is the proxy that connects, and it goes where it likes")
        if self.http is not None and self.http not in VERSIONS:
            raise ValueError(f"http is {self.http!r}; it is one of {', '.join(VERSIONS)}")
        for line in self.headers:
            if ":" not in line or "\n" in line or "\r" in line:
                raise ValueError(f"header {line!r} is not of the form 'Name: value'")

    @property
    def repeatable(self) -> bool:
        """Whether a request that may have come to nothing may be sent once more (RFC 9110, section 9.2.2)."""
        return self.data is None and self.method in (None, "GET", "HEAD", "OPTIONS")

    def handle(self, authorities: tuple[int, str] | None, share: Share) -> Handle:
        """A handle with everything set that is the same for all pages; `authorities` are those of ``authorities()``, asked once for all."""
        curl = Handle()
        curl.setopt(pycurl.SHARE, share)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 1 if self.redirects else 0)
        curl.setopt(pycurl.MAXREDIRS, self.redirects)
        if self.compressed:
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
        if self.bearer is not None:
            curl.setopt(pycurl.XOAUTH2_BEARER, self.bearer)
            curl.setopt(pycurl.HTTPAUTH, BEARER)
        if self.netrc:
            curl.setopt(pycurl.NETRC, pycurl.NETRC_OPTIONAL)
        if self.cert is not None:
            curl.setopt(pycurl.SSLCERT, self.cert)
            curl.setopt(pycurl.SSLKEY, self.key or self.cert)
        if self.cookies:
            curl.setopt(pycurl.COOKIEFILE, "")
        if self.cookie is not None:
            curl.setopt(pycurl.COOKIE, self.cookie)
        if self.range is not None:
            curl.setopt(pycurl.RANGE, self.range)
        if self.ip is not None:
            curl.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if self.ip == 4 else pycurl.IPRESOLVE_V6)
        if self.public_only:
            curl.setopt(pycurl.PROXY, "")
            curl.allow(is_public)
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


def is_public(family: int, address: bytes) -> bool:
    """Whether a ``sockaddr`` is one of the public Internet. What IPv6 says of IPv4 is looked at as IPv4."""
    if family == socket.AF_INET:
        return ipaddress.IPv4Address(address[4:8]).is_global
    if family != socket.AF_INET6:
        return False
    found = ipaddress.IPv6Address(address[8:24])
    inner = found.ipv4_mapped or found.sixtofour or (ipaddress.IPv4Address(address[20:24]) if found in TRANSLATED else None)
    return inner.is_global if inner is not None else found.is_global and not found.is_multicast
