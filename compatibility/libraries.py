"""The libraries whose test-suites are run, and how their own authors run them: `libraries.toml`."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["LIBRARIES", "Library", "chosen"]

LIST = Path(__file__).parent / "libraries.toml"


@dataclass(frozen=True)
class Library:
    """A library, and all that a run of its test-suite needs."""

    name: str  # as pip knows it
    version: str  # of the sdist whose tests are run
    meets: str  # what of weft's work the suite meets, for the table
    pytest: list[str]  # the words after ``python -m pytest``; {REDIS_URL} is the server's address
    requires: list[str] = field(default_factory=list)  # what the tests need beside pytest and the library's own requirements
    bare: list[str] = field(default_factory=list)  # the same, without their own requirements: those exclude the greenlet that weft needs
    extras: list[str] = field(default_factory=list)  # of the library, such as "test"
    remove: list[str] = field(
        default_factory=list
    )  # files of the source: packages of which the installed copy is tested, because it is compiled
    environment: dict[str, str] = field(default_factory=dict)  # variables that the suite wants
    server: str = ""  # a server that the suite wants on loopback: "redis"
    quick: bool = False  # part of ``check``

    @property
    def requirement(self) -> str:
        """The words that name this version to pip."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}=={self.version}"


def load(text: str) -> dict[str, Library]:
    """Return the libraries in the text of a `libraries.toml`, by name and in its order."""
    return {name: Library(name=name, **values) for name, values in tomllib.loads(text).items()}


LIBRARIES = load(LIST.read_text())


def chosen(names: Iterable[str]) -> list[Library]:
    """Return the libraries of these names, all for none. ValueError for a name that the list does not have."""
    wanted = list(names) or list(LIBRARIES)
    unknown = [name for name in wanted if name not in LIBRARIES]
    if unknown:
        raise ValueError(f"no such library: {', '.join(unknown)}; known are {', '.join(LIBRARIES)}")
    return [LIBRARIES[name] for name in wanted]
