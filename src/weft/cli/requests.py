"""The options of ``weft fetch`` that are those of ``weft.fetch.Options``, under the same names."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from weft.cli.sections import option
from weft.fetch import Options
from weft.fetch.options import VERSIONS

__all__ = ["options_of", "request_options"]

DEFAULT = Options()
FILE = click.Path(exists=True, dir_okay=False)
SECONDS = click.FloatRange(0, min_open=True)
NUMBER = click.IntRange(0)
REQUEST, TRUST, LIMITS, MANNERS = "What is sent", "Connections and trust", "Limits", "Manners"
NAMES = {each.name for each in fields(Options)}

ROWS: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    (
        REQUEST,
        ("-H", "--header", "headers"),
        {"multiple": True, "metavar": "LINE", "help": 'A header field, "Name: value"; may be repeated.'},
    ),
    (REQUEST, ("-X", "--request", "method"), {"metavar": "METHOD", "help": "The method (default: GET, with --data POST)."}),
    (REQUEST, ("-d", "--data"), {"metavar": "TEXT", "help": "The body."}),
    (REQUEST, ("-r", "--range"), {"metavar": "FROM-TO", "help": "Bytes to ask for."}),
    (REQUEST, ("-A", "--user-agent"), {"help": "How the requests call themselves."}),
    (REQUEST, ("-u", "--user"), {"metavar": "NAME:PASSWORD", "help": "Log in to the server."}),
    (REQUEST, ("--bearer",), {"metavar": "TOKEN", "help": "Log in with a token."}),
    (REQUEST, ("-n", "--netrc"), {"is_flag": True, "help": "Take names and passwords from ~/.netrc."}),
    (REQUEST, ("-b", "--cookie"), {"metavar": "NAME=VALUE", "help": "Send cookies."}),
    (REQUEST, ("--cookies",), {"is_flag": True, "help": "Keep the cookies that servers set, and send them back."}),
    (REQUEST, ("--compressed/--no-compressed",), {"help": "Take compressed answers, and undo it."}),
    (TRUST, ("--http",), {"type": click.Choice(list(VERSIONS)), "help": "The HTTP version (default: what the server offers)."}),
    (TRUST, ("-x", "--proxy"), {"metavar": "URL", "help": "Go through a proxy: http, https, socks4, socks5 or socks5h."}),
    (TRUST, ("--cacert",), {"type": FILE, "help": "PEM file of the authorities to trust, instead of the system's."}),
    (TRUST, ("--cert",), {"type": FILE, "help": "PEM file of a client certificate."}),
    (TRUST, ("--key",), {"type": FILE, "help": "PEM file of its key."}),
    (TRUST, ("-k", "--insecure"), {"is_flag": True, "help": "Do not check certificates."}),
    (TRUST, ("--resolve",), {"multiple": True, "metavar": "HOST:PORT:ADDRESS", "help": "Take this address; may be repeated."}),
    (TRUST, ("--ip",), {"type": click.Choice(["4", "6"]), "help": "Connect by IPv4, or by IPv6, alone."}),
    (TRUST, ("--public-only",), {"is_flag": True, "help": "Connect to no private address, whatever names and redirects say."}),
    (LIMITS, ("--timeout",), {"type": SECONDS, "help": "Seconds for a page."}),
    (LIMITS, ("--connect-timeout",), {"type": SECONDS, "help": "Seconds to connect."}),
    (LIMITS, ("--first-byte-timeout",), {"type": click.FloatRange(0), "help": "Seconds to the first byte; 0: no limit of its own."}),
    (LIMITS, ("--idle-timeout",), {"type": SECONDS, "help": "Seconds without a byte."}),
    (LIMITS, ("--max-size",), {"type": NUMBER, "help": "Most bytes of a page, unpacked; 0: no limit."}),
    (LIMITS, ("--redirects",), {"type": NUMBER, "help": "Most redirects that are followed."}),
    (MANNERS, ("--per-host",), {"type": NUMBER, "help": "Pages of one host at a time; 0: no limit."}),
    (MANNERS, ("--rate",), {"type": click.FloatRange(0), "help": "Pages of one host a second; 0: no limit."}),
    (MANNERS, ("--retry", "retries"), {"type": NUMBER, "help": "Try again so often what may pass; Retry-After is obeyed."}),
    (MANNERS, ("--breaker",), {"type": NUMBER, "help": "Leave a host alone for 30 s after so many failures in a row; 0: never."}),
    (MANNERS, ("--robots/--no-robots",), {"default": None, "help": "Obey robots.txt (default: with --crawl)."}),
]


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options."""
    for section, flags, settings in reversed(ROWS):
        name = click.Option(flags).name or ""
        default = getattr(DEFAULT, name)
        settings = {"default": default, "show_default": bool(default) and default is not True} | settings
        command = option(section, *flags, **settings)(command)
    return command


def options_of(values: dict[str, Any], **others: Any) -> Options:
    """The Options among a command's values, which are taken out of them. UsageError for what makes no sense."""
    chosen = {name: values.pop(name) for name in NAMES & values.keys()} | others
    if chosen.get("data") is not None:
        chosen["data"] = chosen["data"].encode()
    if chosen.get("ip") is not None:
        chosen["ip"] = int(chosen["ip"])
    try:
        return Options(**chosen)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
