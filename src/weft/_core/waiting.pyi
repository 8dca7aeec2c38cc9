from typing import final

@final
class Waiter: ...

@final
class WaitQueue:
    @property
    def size(self) -> int: ...
