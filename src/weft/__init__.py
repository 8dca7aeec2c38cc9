"""Virtual threads for Python: plain blocking code, a hundred thousand of it at once."""

from weft._core.errors import Cancelled, DeadlockError, LatePatchWarning, WeftError

__all__ = ["Cancelled", "DeadlockError", "LatePatchWarning", "WeftError"]
