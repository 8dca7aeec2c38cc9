"""``weft.open`` and ``weft.offloaded``: disks and C libraries on real threads, the task parked."""

import gc
import os
import threading
import time
import zlib
from pathlib import Path

import pytest

import weft


def test_it_reads_and_writes_as_open_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with weft.open(path, "w", encoding="utf-8", newline="\n") as file:
        assert (file.write("größe\n"), file.mode, file.name) == (6, "w", path)
        file.writelines(["one\n", "two\n"])
    assert path.read_text("utf-8") == "größe\none\ntwo\n"
    with weft.open(path, encoding="utf-8") as file:
        assert (file.readline(), list(file)) == ("größe\n", ["one\n", "two\n"])
    with weft.open(path, "rb") as file:
        assert (file.read(3), file.seek(0), file.readlines()[1:]) == ("grö".encode()[:3], 0, [b"one\n", b"two\n"])
    with weft.open(path, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"three\n")
        file.seek(0)
        assert file.read().endswith(b"two\nthree\n")
    with weft.open(path, "ab", buffering=0) as file:
        assert file.write(b"four\n") == 5
    with weft.open(path, "rb", 0) as file:
        assert file.readall().endswith(b"four\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nowhere",), FileNotFoundError),
        ((".",), IsADirectoryError),
        (("x", "q"), ValueError),
        (("x", "rw"), ValueError),
        (("x", "rbt"), ValueError),
        (("x", "w", 0), ValueError),
        (("x", "wb", -1, "utf-8"), ValueError),
    ],
)
def test_errors_are_those_of_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: type[Exception]
) -> None:
    monkeypatch.chdir(tmp_path)
    for function in (open, weft.open):
        with pytest.raises(error):
            function(*arguments)  # type: ignore[operator]


def test_what_is_refused_touches_no_file(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("kept")
    with pytest.raises(ValueError, match="encoding"):
        weft.open(path, "wb", encoding="utf-8")
    assert path.read_text() == "kept"


def test_others_run_while_a_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def read() -> bytes:
        with weft.open(path, "rb") as file:
            data: bytes = file.read()
            return data

    reader = weft.spawn(read)
    weft.sleep(0.05)
    assert not reader.done()
    with weft.open(path, "wb") as writer:
        writer.write(b"through")
    assert reader.result(5) == b"through"


def test_many_tasks_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with weft.open(path, "w", buffering=1) as file:
        weft.joinall([weft.spawn(file.write, f"{number:04}\n") for number in range(500)])
    assert sorted(path.read_text().split()) == [f"{number:04}" for number in range(500)]
    with weft.open(path, "rb") as file:
        lines = [task.result() for task in [weft.spawn(file.readline) for _ in range(500)]]
    assert sorted(lines) == [b"%04d\n" % number for number in range(500)]


def test_a_file_that_is_dropped_is_flushed(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "dropped"
    file = weft.open(path, "w")
    file.write("kept")
    del file
    gc.collect()
    assert path.read_text() == "kept"
    recwarn.clear()


def test_offloaded() -> None:
    @weft.offloaded
    def shrink(data: bytes, level: int = 9) -> bytes:
        """Make it small."""
        assert threading.current_thread() is not threading.main_thread()
        return zlib.compress(data, level)

    assert zlib.decompress(shrink(b"x" * 100000, level=1)) == b"x" * 100000
    assert (shrink.__name__, shrink.__doc__) == ("shrink", "Make it small.")
    with pytest.raises(TypeError):
        shrink("text")  # type: ignore[arg-type]

    began = time.monotonic()
    slow = weft.offloaded(time.sleep)
    weft.joinall([weft.spawn(slow, 0.3) for _ in range(4)])
    assert time.monotonic() - began < 1.1


def test_a_file_is_closed_in_a_block_that_was_cancelled(tmp_path: Path) -> None:
    with weft.CancelScope() as scope:
        reader, writer = weft.open(tmp_path / "new", "wb", 0), weft.open(__file__, "rb")
        scope.cancel()
        with reader, writer:
            weft.sleep(1)
    assert (reader.closed, writer.closed) == (True, True)
