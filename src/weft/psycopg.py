"""``psycopg`` 3 waits for its socket in C where it can; here it waits with ``select.poll``, which parks."""

from psycopg import waiting as _waiting  # type: ignore[import-not-found,unused-ignore]

_wait = getattr(_waiting, "wait_poll", _waiting.wait_selector)

__patches__ = {"psycopg.waiting": {"wait": _wait}}
