"""``weft doctor``: what a program took from the standard library before it was patched."""

import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import click

from weft import monkey, native
from weft._core.errors import LatePatchWarning
from weft.cli.run import ProgramCommand, become

__all__ = ["command"]

OURS = ("weft", "greenlet", "click", "rich")
SOURCES = (".py", ".pyc")  # what is written in C has its originals for ever
REAL = {type(native.allocate_lock()): "a real lock", native.RLock: "a real lock", native.SimpleQueue: "a real queue"}


@click.command(cls=ProgramCommand, context_settings={"allow_interspersed_args": False})
@click.option("-m", "--module", metavar="MODULE", help="Run a module, as python -m does.")
@click.option("-a", "--all", "everything", is_flag=True, help="List what the standard library's own modules took, too.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGS]...")
def command(module: str | None, everything: bool, words: tuple[str, ...]) -> Callable[[], None]:
    """Run a program as it is, and list what would still block: names that it took, and locks that it made, before it called patch_all().

    \b
    weft doctor server.py --port 8000
    weft doctor -m package
    """
    if module is None and not words:
        raise click.UsageError("name a SCRIPT, or a module with -m")
    return lambda: examine(module, everything, list(words))


def examine(module: str | None, everything: bool, words: list[str]) -> None:
    """Run the program; report; exit with 1 if something was found."""
    try:
        become(module, words)
    except SystemExit:
        pass
    except Exception:
        traceback.print_exc()
    patched_itself = bool(monkey.originals)
    if not patched_itself:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LatePatchWarning)
            monkey.patch_all()
    found = sorted(set(captured()))
    theirs = [line for line in found if line[0].partition(".")[0] not in sys.stdlib_module_names]
    shown = found if everything else theirs
    for where, what in shown:
        click.echo(f"{where}: {what}", err=True)
    if not patched_itself:
        click.echo(
            "the program did not call weft.monkey.patch_all(); `weft run` patches before it begins, and then nothing is captured", err=True
        )
    hidden = f", and {len(found) - len(theirs)} in the standard library's own modules (--all)" if found and not everything else ""
    click.echo(f"{len(shown)} references to blocking originals{hidden}", err=True)
    sys.exit(1 if theirs else 0)


def captured() -> Iterator[tuple[str, str]]:
    """Where a module holds an original that was patched since, and what it is: in a global, a class, a default or a closure."""
    known: dict[int, str] = {}
    for (dotted, name), before in monkey.originals.items():
        if callable(before) and not name.startswith("_"):
            known.setdefault(id(before), f"{dotted}.{name}")
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in OURS or not str(getattr(module, "__file__", None)).endswith(SOURCES):
            continue
        for name, value in list(vars(module).items()):
            if (module_name, name) in monkey.originals or (module_name == "__main__" and name.startswith("__")):
                continue
            yield from inside(f"{module_name}.{name}", value, module_name, known)


def inside(where: str, value: Any, module_name: str, known: dict[int, str]) -> Iterator[tuple[str, str]]:
    """What `value` itself is, and what lies in it if it was defined in this module."""
    if id(value) in known:
        yield where, known[id(value)]
    elif type(value) in REAL:
        yield where, f"{REAL[type(value)]}, made before patching"
    elif isinstance(value, types.FunctionType) and value.__module__ == module_name:
        yield from function(where, value, known)
    elif isinstance(value, type) and value.__module__ == module_name:
        for base in value.__bases__:
            if id(base) in known:
                yield where, f"extends {known[id(base)]}"
        for name, member in list(vars(value).items()):
            if id(member) in known:
                yield f"{where}.{name}", known[id(member)]
            elif isinstance(member, types.FunctionType):
                yield from function(f"{where}.{name}", member, known)


def function(where: str, value: types.FunctionType, known: dict[int, str]) -> Iterator[tuple[str, str]]:
    """The defaults and the closure of a function."""
    for default in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
        if id(default) in known:
            yield where, f"{known[id(default)]}, as a default"
    for cell in value.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # empty
            continue
        if id(held) in known:
            yield where, f"{known[id(held)]}, in its closure"
