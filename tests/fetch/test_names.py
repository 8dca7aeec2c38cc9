"""File names for addresses: safe whatever a server or a list says, and never the same for two."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.fetch.names import name_of


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/", "example.org/index.html"),
        ("https://example.org", "example.org/index.html"),
        ("https://example.org/a/b.html", "example.org/a/b.html"),
        ("https://example.org/a/b.pdf", "example.org/a/b.pdf"),
        ("http://example.org:8080/x.txt", "example.org+8080+http/x.txt"),
    ],
)
def test_plain_names(url: str, name: str) -> None:
    assert str(name_of(url)) == name


PIECES = ["a", "A", "a.b", "..", ".", "", "%2e%2e", "%2F", "con", "x" * 300, "é", "a b", "index", "index.html", "a_b"]
PARTS = st.lists(st.sampled_from(PIECES))


@given(
    PARTS,
    PARTS,
    st.sampled_from(["", "?", "?q=1", "?q=/../..", "#f"]),
    st.sampled_from(["http://h", "https://h", "https://h:81", "https://H"]),
)
def test_two_addresses_never_have_one_name(first: list[str], second: list[str], query: str, host: str) -> None:
    one, other = host + "/" + "/".join(first) + query, host + "/" + "/".join(second)
    if one.partition("#")[0] not in (other, other + "?"):
        names = str(name_of(one)).lower(), str(name_of(other)).lower()
        assert names[0] != names[1] or one.replace("%2e", ".") == other.replace("%2e", ".")
        for name in names:  # a file is not a folder of another
            assert not any(str(parent) in names for parent in PurePosixPath(name).parents)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_name_stays_in_its_folder(path: str, query: str) -> None:
    try:
        name = name_of(f"https://example.org/{path}?{query}")
    except ValueError:
        return  # no address at all
    assert not name.is_absolute()
    assert all(part not in ("", ".", "..") and not part.startswith(".") and len(part) < 200 and part.isascii() for part in name.parts)
