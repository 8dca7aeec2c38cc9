from collections.abc import Callable
from typing import Any

def name(fn: Callable[..., Any]) -> str: ...
