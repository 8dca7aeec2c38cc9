from collections.abc import Callable
from typing import Any

from weft.fetch.handle import Handle

POLLIN: int
POLLOUT: int

class Host:
    def __init__(self, spread: bool) -> None: ...

class Transport:
    def __init__(self, connections: int = 100) -> None: ...
    def close(self) -> None: ...
    def perform(
        self, handle: Handle, authority: str, single: bool, patience: float = 0, sink: Callable[[bytes], object] | None = None
    ) -> None: ...
    def drive(self) -> None: ...

def make_poller() -> tuple[Any, Callable[[float], Any]]: ...
