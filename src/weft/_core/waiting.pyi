from typing import Any, final

from weft._core.task import Task

@final
class Waiter: ...

@final
class WaitQueue:
    @property
    def size(self) -> int: ...

class Awaited:
    @property
    def waiters(self) -> list[Task[Any]]: ...
