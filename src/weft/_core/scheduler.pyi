from typing import final

from greenlet import greenlet

from weft._core.watch import Watch

@final
class Scheduler(Watch):
    @property
    def forked(self) -> bool: ...
    def launch(self) -> None: ...
    def start(self, on_main_thread: bool, base: greenlet) -> None: ...
