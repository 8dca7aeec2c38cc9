"""``weft run``: patch first, then run a program as ``__main__``."""

import importlib.util
import io
import os
import runpy
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import click

from weft import gevent_names, monkey

__all__ = ["command"]

FOLDER = str(Path(__file__).parent)


class ProgramCommand(click.Command):
    """What follows SCRIPT or ``-m MODULE`` belongs to the program, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """End weft's own options where the program's begin."""
        for index, word in enumerate(args):
            if word in ("-m", "--module"):
                args = [*args[: index + 2], "--", *args[index + 2 :]]
                break
            if not word.startswith("-") or word == "--":
                break
        return super().parse_args(ctx, args)


@click.command(cls=ProgramCommand, context_settings={"allow_interspersed_args": False})
@click.option("-m", "--module", metavar="MODULE", help="Run a module, as python -m does.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is patched, and who answers to gevent's names.")
@click.option(
    "--as-gevent/--no-as-gevent",
    default=None,
    help="Let weft answer to the names `gevent` and `gevent.monkey`, to libraries too. By default it does where gevent is not installed, "
    "and to the program's own imports alone.",
)
@click.option("--native-executors", is_flag=True, help="Let ThreadPoolExecutor have real threads: for calls of C that compute or block.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGS]...")
def command(
    module: str | None, verbose: bool, as_gevent: bool | None, native_executors: bool, words: tuple[str, ...]
) -> Callable[[], None]:
    """Run a program with the standard library patched: where it would block, its task parks, and the others go on.

    \b
    weft run server.py --port 8000
    weft run -m http.server 8000
    weft run -v crawler.py          # written for gevent; runs without it
    """
    if module is None and not words:
        raise click.UsageError("name a SCRIPT, or a module with -m")
    if module is None and not os.path.exists(words[0]):
        raise click.ClickException(f"{words[0]}: no such file; `weft run -m {words[0]}` runs a module")
    return lambda: run(module, verbose, as_gevent, native_executors, list(words))


def run(module: str | None, verbose: bool, as_gevent: bool | None, native_executors: bool, words: list[str]) -> None:
    """Patch, and become the program."""
    monkey.patch_all(native_executors=native_executors)
    installed = importlib.util.find_spec("gevent") is not None
    stands_in = as_gevent if as_gevent is not None else not installed
    if stands_in:
        gevent_names.install(for_all=as_gevent is True)
    if verbose:
        print("weft: patched " + ", ".join(sorted({**monkey.TWINS, **monkey.LATER})), file=sys.stderr)
        who = "weft answers to gevent's names" if stands_in else "gevent's names are gevent's own"
        print(f"weft: {who} (gevent is {'' if installed else 'not '}installed; --as-gevent and --no-as-gevent decide)", file=sys.stderr)
    sys.excepthook = without_our_frames(sys.excepthook)
    become(module, words)


def become(module: str | None, words: list[str]) -> None:
    """Run a module or a script as ``__main__``, with `words` on its command line (a script is the first of them)."""
    if module is not None:
        sys.argv[:] = [module, *words]
        sys.path[0] = os.getcwd()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    sys.argv[:] = words
    script = words[0]
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        runpy.run_path(script, run_name="__main__")
        return
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    with io.open_code(os.path.abspath(script)) as file:
        source = file.read()
    program = types.ModuleType("__main__")
    program.__dict__.update(__file__=os.path.abspath(script), __builtins__=__builtins__, __cached__=None, __annotations__={})
    sys.modules["__main__"] = program
    exec(compile(source, script, "exec", dont_inherit=True), program.__dict__)


Hook = Callable[[type[BaseException], BaseException, types.TracebackType | None], object]


def without_our_frames(hook: Hook) -> Hook:
    """An excepthook whose tracebacks begin in the program."""

    def shortened(kind: type[BaseException], error: BaseException, traceback: types.TracebackType | None) -> object:
        whole = traceback
        while traceback is not None:
            name = traceback.tb_frame.f_code.co_filename
            if not (name.startswith((FOLDER, "<frozen runpy>")) or name.endswith((f"bin{os.sep}weft", f"weft{os.sep}__main__.py"))):
                break
            traceback = traceback.tb_next
        if traceback is None and not isinstance(error, SyntaxError):
            traceback = whole
        return hook(kind, error.with_traceback(traceback), traceback)

    return shortened
