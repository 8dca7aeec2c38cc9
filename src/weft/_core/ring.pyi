from collections.abc import Callable
from typing import Any

def read_into(number: int, buffer: Any, otherwise: Callable[[Any], int | None]) -> int: ...
