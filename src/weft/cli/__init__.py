"""The command line: ``weft run``, ``weft fetch``, ``weft demo``."""

import sys

__all__ = ["main"]


def main() -> None:
    """The entry point."""
    if sys.argv[1:2] == ["run"]:  # before anything else is imported, click included
        from weft import monkey

        monkey.patch_all()
    from weft.cli import commands

    commands.main()
