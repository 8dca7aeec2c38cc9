"""File names for addresses: safe, readable, and never the same for two.

No map of names is kept, so ten million pages take no memory: what a name cannot say in full, it says by a hash at its end.

Invariants:
- A name is relative, has no part that begins with a dot, and only ASCII letters, digits and ``-._+,=@~`` in it.
- A folder's name has no dot after the host, a file's name has one: neither stands in the other's way.
"""

import hashlib
import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

__all__ = ["name_of"]

UNSAFE = re.compile(r"[^\w\-.+,=@~]+", re.ASCII)
LONGEST = 100  # characters of a part; a file system takes 255 bytes
DEEPEST = 16  # folders
PORTS = {"http": 80, "https": 443}
RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10))}


def name_of(url: str, ending: str = ".html") -> PurePosixPath:
    """The name of the file for `url`; `ending` is for those that have none.

    ``https://example.org/a/b?c=1`` becomes ``example.org/a/b-9f2c41d07a33.html``, ``https://example.org/`` ``example.org/index.html``.
    """
    parts = urlsplit(url)
    exact = True

    def clean(text: str) -> str:
        nonlocal exact
        made = UNSAFE.sub("_", text)[:LONGEST].lstrip(".")
        if made.lower().partition(".")[0] in RESERVED:
            made = f"_{made}"
        exact = exact and made == text and made == made.lower()
        return made or "_"

    host = (parts.hostname or "").encode("idna" if parts.hostname and not parts.hostname.isascii() else "ascii", "replace").decode()
    port = parts.port
    if port is not None and port != PORTS.get(parts.scheme):
        host += f"+{port}"
    if parts.scheme != "https":
        host += f"+{parts.scheme}"
    *above, last = unquote(parts.path).split("/")[1:] or [""]
    if parts.path != unquote(parts.path) or len(above) > DEEPEST:
        exact = False
    folders = []
    for folder in above[:DEEPEST]:
        made = clean(folder)
        if "." in made or not folder:
            made, exact = made.replace(".", "_"), False
        folders.append(made)
    if not last:
        stem, suffix = "index", ending
    else:
        made = clean(last)
        stem, dot, tail = made.rpartition(".")
        stem, suffix = (stem, dot + tail) if dot and stem and 0 < len(tail) <= 8 else (made.replace(".", "_"), ending)
        if suffix == ending and (not dot or stem == "index"):  # another address may have it written out
            exact = False
    if parts.query or not exact or parts.username:
        stem = f"{stem}-{hashlib.sha256(url.partition('#')[0].encode()).hexdigest()[:16]}"
    return PurePosixPath(clean(host).replace("/", "_"), *folders, stem + suffix)
