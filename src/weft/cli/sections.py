"""A command whose help shows its options in sections."""

from collections.abc import Callable
from typing import Any

import click

__all__ = ["Sectioned", "option"]


class SectionedOption(click.Option):
    """An option that knows its section."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Sectioned(click.Command):
    """Its options stand under their sections, in the order in which these are met."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            written = parameter.get_help_record(ctx)
            if written is not None:
                sections.setdefault(getattr(parameter, "section", "Others"), []).append(written)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def option(section: str, *flags: str, **settings: Any) -> Callable[[Any], Any]:
    """``click.option`` in a section."""
    return click.option(*flags, cls=SectionedOption, section=section, **settings)
