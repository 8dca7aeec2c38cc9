from typing import final

class Timer: ...

@final
class TimerHeap:
    @property
    def size(self) -> int: ...
