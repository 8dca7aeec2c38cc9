"""The commands, and what becomes of their errors."""

import os
import sys
from collections.abc import Callable
from importlib import import_module

import click

__all__ = ["main"]

COMMANDS = {"run": "weft.cli.run", "fetch": "weft.cli.fetch", "demo": "weft.cli.demo", "doctor": "weft.cli.doctor"}


class Lazy(click.Group):
    """Imports a command when it is asked for: none waits for what another one needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weft", prog_name="weft")
def weft() -> None:
    """Virtual threads for Python: plain blocking code, a hundred thousand tasks at once.

    \b
    weft demo                                  see the gain, without a network
    weft fetch --compare https://www.python.org/ https://github.com/
    weft run program.py                        your program, where waiting stops nobody
    weft doctor program.py                     what it took before it was patched
    """


def main() -> None:
    """Run the command line. A command may return a callable: it runs outside of click, which would reword its errors."""
    try:
        outcome: Callable[[], object] | int | None = weft.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except OSError as error:  # `weft fetch ... | head`, or a full disk below standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer goes nowhere
        sys.exit(1 if isinstance(error, BrokenPipeError) else f"weft: {error}")
    if callable(outcome):
        outcome()
    else:
        sys.exit(outcome or 0)
