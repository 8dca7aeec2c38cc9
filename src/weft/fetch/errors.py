"""What a fetch raises."""

import pycurl

from weft._core.errors import WeftError

__all__ = ["FetchError", "kind_of"]

KINDS = {
    "address": ("URL_MALFORMAT", "UNSUPPORTED_PROTOCOL"),
    "name": ("COULDNT_RESOLVE_HOST",),
    "proxy": ("COULDNT_RESOLVE_PROXY",),
    "connect": ("COULDNT_CONNECT", "INTERFACE_FAILED"),
    "timeout": ("OPERATION_TIMEDOUT",),
    "certificate": ("PEER_FAILED_VERIFICATION", "SSL_CACERT", "SSL_CACERT_BADFILE", "SSL_ISSUER_ERROR", "SSL_INVALIDCERTSTATUS"),
    "tls": ("SSL_CONNECT_ERROR", "SSL_CIPHER", "SSL_CERTPROBLEM", "SSL_ENGINE_NOTFOUND", "USE_SSL_FAILED"),
    "reset": ("SEND_ERROR", "RECV_ERROR", "GOT_NOTHING"),
    "short": ("PARTIAL_FILE",),
    "redirects": ("TOO_MANY_REDIRECTS",),
    "encoding": ("BAD_CONTENT_ENCODING",),
    "protocol": ("RANGE_ERROR", "HTTP_RANGE_ERROR"),
    "memory": ("OUT_OF_MEMORY",),
}
CODES = {getattr(pycurl, f"E_{name}"): kind for kind, names in KINDS.items() for name in names if hasattr(pycurl, f"E_{name}")}
CODES |= {8: "protocol", 16: "protocol", 92: "protocol", 95: "protocol", 97: "proxy", 100: "headers"}  # not named by every pycurl


def kind_of(code: int) -> str:
    """What sort of error libcurl's number is, in one word."""
    return CODES.get(code, "other")


class FetchError(WeftError, OSError):
    """A page could not be fetched: `url`, and `reason` in words. `code` is libcurl's number (``CURLE_...``), 0 if it was never asked.

    ``kind`` is one word for what went wrong: address, name (DNS), proxy, connect, timeout, certificate, tls, reset, short, redirects,
    encoding, protocol, size, headers, forbidden, robots, down, memory, disk or other. ``attempts`` tells how often it was tried,
    ``seconds`` how long the last attempt took.
    """

    def __init__(self, url: str, reason: str, code: int = 0, seconds: float = 0.0, kind: str = "") -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
        self.code = code
        self.seconds = seconds
        self.kind = kind or (kind_of(code) if code else "address")
        self.attempts = 1

    def tried(self, attempts: int) -> "FetchError":
        """The same after so many attempts."""
        self.attempts = attempts
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.url, self.reason, self.code, self.seconds, self.kind), {"attempts": self.attempts}
