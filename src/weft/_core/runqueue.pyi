from weft._core.timers import Timer

class Runnable(Timer): ...

class RunQueue:
    @property
    def size(self) -> int: ...
