"""Name look-ups that park: ``getaddrinfo`` and its kin on a pool of real threads of their own, apart from other offloads."""

import socket as standard
from typing import Any

from weft._core.offload import ThreadPool
from weft.builtin import stands_for

__all__ = ["getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo"]

pool = ThreadPool(16, deaf=True)


def numeric(host: object) -> bool:
    """True if `host` needs no look-up: nothing, or a literal address."""
    if host is None or host in ("", b"", "<broadcast>"):
        return True
    if isinstance(host, (bytes, bytearray)):
        try:
            host = host.decode("ascii")
        except UnicodeDecodeError:
            return False
    if not isinstance(host, str):
        return False
    for family in (standard.AF_INET, standard.AF_INET6):
        try:
            standard.inet_pton(family, host.partition("%")[0])
        except (OSError, UnicodeError, ValueError):
            continue
        return True
    return False


standard_getaddrinfo = standard.getaddrinfo
standard_gethostbyname = standard.gethostbyname
standard_gethostbyname_ex = standard.gethostbyname_ex
standard_gethostbyaddr = standard.gethostbyaddr
standard_getnameinfo = standard.getnameinfo


@stands_for(standard)
def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
    """``socket.getaddrinfo``, with the same arguments, result and errors; the task is parked while the name is looked up."""
    if numeric(host) and (port is None or isinstance(port, int)):
        return standard_getaddrinfo(host, port, family, type, proto, flags)
    return pool.call(standard_getaddrinfo, host, port, family, type, proto, flags)


@stands_for(standard)
def gethostbyname(hostname: str, /) -> str:
    """``socket.gethostbyname``; the task is parked meanwhile."""
    return standard_gethostbyname(hostname) if numeric(hostname) else pool.call(standard_gethostbyname, hostname)


@stands_for(standard)
def gethostbyname_ex(hostname: str, /) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyname_ex``; the task is parked meanwhile."""
    return pool.call(standard_gethostbyname_ex, hostname)


@stands_for(standard)
def gethostbyaddr(address: str, /) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyaddr``; the task is parked meanwhile."""
    return pool.call(standard_gethostbyaddr, address)


@stands_for(standard)
def getnameinfo(sockaddr: Any, flags: int, /) -> tuple[str, str]:
    """``socket.getnameinfo``; the task is parked meanwhile."""
    if not isinstance(sockaddr, tuple) or not isinstance(flags, int) or flags & standard.NI_NUMERICHOST:
        return standard_getnameinfo(sockaddr, flags)
    return pool.call(standard_getnameinfo, sockaddr, flags)


__patches__ = {"socket": {name: globals()[name] for name in __all__}}
