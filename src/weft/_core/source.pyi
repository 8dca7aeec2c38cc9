from typing import Any, Generic, Self, TypeVar

_T = TypeVar("_T")

class Source(Generic[_T]):
    def __class_getitem__(cls, item: Any) -> type[Self]: ...
