class Descriptor:
    @property
    def number(self) -> int: ...

class Poller:
    @property
    def waiting(self) -> int: ...
