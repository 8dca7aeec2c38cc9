"""Addresses from files of every kind."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.fetch.inputs import InputError, addresses

Make = Callable[[str, bytes], str]
A, B = "https://a.example/", "https://b.example/x?y=1&z=2"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def write(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("name", "text", "column"),
    [
        ("list.txt", f"# a list\n\n{A}\r\n  {B}\n", None),
        ("list", f"\ufeff{A}\n{B}", None),
        ("list.csv", f'name,URL\nx,{A}\n"y,z",{B}\n', None),
        ("list.csv", f"name,home\nx,{A}\ny,{B}\n", "home"),
        ("list.csv", f"{A},1\n{B},2\n", "1"),
        ("list.csv", f"x,{A}\ny,{B}\n", None),
        ("list.tsv", f"url\tn\n{A}\t1\n{B}\t2\n", None),
        ("list.jsonl", f'{{"url": "{A}"}}\n\n{{"url": "{B}"}}\n', None),
        ("list.data", f'{{"link": "{A}"}}\n{{"link": "{B}"}}\n', "link"),
        ("list.data", "link;x\n", "none"),
        ("map.xml", f"<urlset><url><loc>{A}</loc></url><url><loc> <![CDATA[{B}]]> </loc></url></urlset>", None),
        ("map.xml", f"<s:urlset xmlns:s='x'><s:url><s:loc>{A}</s:loc></s:url><s:loc>{B.replace('&', '&amp;')}</s:loc></s:urlset>", None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_kinds(make: Make, name: str, text: str, column: str | None, packed: bool) -> None:
    data = text.encode()
    path = make(name + ".gz", gzip.compress(data[:20]) + gzip.compress(data[20:])) if packed else make(name, data)
    if column == "none":
        with pytest.raises(InputError, match="no column none"):
            list(addresses(path, column=column))
    else:
        assert list(addresses(path, column=column)) == [A, B]


def test_a_long_list_is_read_as_it_is_needed(make: Make) -> None:
    path = make("long", b"\n".join(b"http://localhost/%d" % number for number in range(200_000)))
    reader = addresses(path)
    assert next(reader) == "http://localhost/0"
    assert sum(1 for _ in reader) == 199_999


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("list.jsonl", b'{"x": 1}\n', "line 1: no object with a field url"),
        ("list.jsonl", b"nonsense\n", "line 1"),
        ("list.csv", b"a,b\n1,2\n", "no column url; it has a, b"),
        ("list.gz", gzip.compress(b"x" * 1000)[:20], "too early"),
        ("list.gz", b"\x1f\x8b" + b"x" * 30, "damaged gzip"),
    ],
)
def test_what_is_wrong_is_said(make: Make, name: str, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(addresses(make(name, data)))
    with pytest.raises(InputError, match="nowhere"):
        list(addresses("nowhere.txt"))
