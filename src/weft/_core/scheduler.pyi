from typing import final

from greenlet import greenlet

from weft._core.fiber import Fiber

@final
class Scheduler:
    @property
    def main(self) -> Fiber: ...
    @property
    def forked(self) -> bool: ...
    def launch(self) -> None: ...
    def start(self, on_main_thread: bool, base: greenlet) -> None: ...
