from typing import final

from weft._core.timers import Timer

class Runnable(Timer): ...

@final
class RunQueue:
    @property
    def size(self) -> int: ...
    @property
    def steps(self) -> int: ...
