from typing import final

from weft._core.watch import Watch

@final
class Scheduler(Watch):
    @property
    def forked(self) -> bool: ...
