from weft._core.fiber import Fiber

class Watch:
    @property
    def main(self) -> Fiber: ...
