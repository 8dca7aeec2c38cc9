from collections.abc import Callable

from weft._core.runqueue import Runnable

class Fiber(Runnable):
    @property
    def reason(self) -> object: ...

def set_countdown(fiber: Fiber, waits: int, hook: Callable[[Fiber], object]) -> None: ...
def countdown_of(fiber: Fiber) -> int: ...
