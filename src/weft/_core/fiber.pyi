from weft._core.runqueue import Runnable

class Fiber(Runnable):
    @property
    def reason(self) -> object: ...
