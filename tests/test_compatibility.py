"""Other libraries' test-suites, run and counted: the list, the record of a run, what counts as a difference, the table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compatibility import cache, libraries, servers, suite
from compatibility.differences import judge, lost, outcome, versions
from compatibility.libraries import LIBRARIES, chosen
from compatibility.suite import WHOLE, Record, steady
from compatibility.table import REASONS, named, render

LIBRARY = libraries.Library(name="sample", version="1.0", meets="threads", pytest=["tests"])

SUITE = """
import os, pytest

def test_passes(): pass

def test_fails(): assert 0

@pytest.mark.skip
def test_is_skipped(): pass

@pytest.mark.xfail
def test_is_expected_to_fail(): assert 0

@pytest.fixture
def faulty():
    yield
    raise ValueError

def test_fails_in_its_teardown(faulty): pass

def test_hangs():
    import threading
    if "HANG" in os.environ: threading.Event().wait()

def test_dies():
    if "DIE" in os.environ: os._exit(1)

def test_forks():
    child = os.fork()
    if child == 0:
        pytest.exit("in the child")
    os.waitpid(child, 0)

def test_comes_last(): pass
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> libraries.Library:
    """A library whose suite runs with this very interpreter."""
    tests = tmp_path / "sample-1.0" / "tests"
    tests.mkdir(parents=True)
    (tests / "test_sample.py").write_text(SUITE)
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / f"{cache.RECORDER}.py").write_text(Path(cache.__file__).with_name("recorder.py").read_text())
    monkeypatch.setattr(cache, "interpreter", lambda _: Path(sys.executable))
    path = os.pathsep.join([str(modules), *filter(None, sys.path)])
    return libraries.Library(name="sample", version="1.0", meets="", pytest=["tests"], environment={"PYTHONPATH": path})


@pytest.mark.parametrize("side", ["stock", "weft"])
def test_a_run_says_how_each_test_ended(library: libraries.Library, side: str, tmp_path: Path) -> None:
    source = cache.source(library, tmp_path)
    assert source is not None
    assert suite.run(library, side, source, tmp_path / "log") == {
        "tests/test_sample.py::test_passes": "passed",
        "tests/test_sample.py::test_fails": "failed",
        "tests/test_sample.py::test_is_skipped": "skipped",
        "tests/test_sample.py::test_is_expected_to_fail": "xfailed",
        "tests/test_sample.py::test_fails_in_its_teardown": "failed",
        "tests/test_sample.py::test_hangs": "passed",
        "tests/test_sample.py::test_dies": "passed",
        "tests/test_sample.py::test_forks": "passed",
        "tests/test_sample.py::test_comes_last": "passed",
    }, (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_suite_goes_on_behind_a_test_that_hangs_or_dies(
    library: libraries.Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "QUIET", 8)
    library.environment.update(HANG="1", DIE="1")
    results = suite.run(library, "stock", tmp_path / "sample-1.0", tmp_path / "log", without=["tests/test_sample.py::test_fails"])
    ends = {test.rpartition("::")[2]: how for test, how in results.items()}
    assert (ends["test_hangs"], ends["test_dies"], ends["test_comes_last"]) == ("hung", "crashed", "passed")
    assert "test_fails" not in ends


def test_a_run_that_does_not_begin_is_named(library: libraries.Library, tmp_path: Path) -> None:
    library.pytest.append("--no-such-option")
    assert suite.run(library, "stock", tmp_path / "sample-1.0", tmp_path / "log") == {WHOLE: "crashed"}


def test_a_record_names_the_test_that_had_begun() -> None:
    lines = [["begun", "a"], ["passed", "a"], ["ended", "a"], ["begun", "b"], ["passed", "b"], ["failed", "b"]]
    record = Record("\n".join(map(json.dumps, lines)) + '\n["pass')
    assert (record.results, record.open, record.finished) == ({"a": "passed", "b": "failed"}, "b", False)
    assert Record('["finished", "0"]').finished


def test_names_of_tests_hold_neither_addresses_nor_machine_paths() -> None:
    names = {
        "../e/lib/python3.13/site-packages/x/test_y.py::z[<f at 0x7f0012345678>]": "x/test_y.py::z[<f at 0x>]",
        f"t.py::a[/tmp/{suite.PREFIX}k3_x/source/sample-1.0/b.txt]": "t.py::a[sample-1.0/b.txt]",
    }
    assert steady(dict.fromkeys(names, "passed")) == dict.fromkeys(names.values(), "passed")


def test_what_passes_on_stock_and_not_under_weft_is_lost() -> None:
    stock = {"a": "passed", "b": "passed", "c": "failed", "d": "passed", "e": "skipped"}
    assert lost(stock, {"a": "passed", "b": "skipped", "c": "failed", "e": "failed"}) == {"b": "skipped", "d": "not run"}


def test_a_difference_counts_unless_more_runs_show_that_it_is_chance() -> None:
    stock = dict.fromkeys(["lost", "sometimes", "flaky", "once", "hangs"], "passed")
    weft = dict.fromkeys(["lost", "sometimes", "flaky", "once"], "failed") | {"hangs": "hung"}
    asked = ["lost", "sometimes", "flaky", "once"]
    again = {
        "stock": [dict.fromkeys(asked, "passed"), dict.fromkeys(asked, "passed") | {"flaky": "failed"}],
        "weft": [dict.fromkeys(asked, "passed") | {"lost": "failed"}, dict.fromkeys(asked, "failed") | {"once": "passed"}],
    }
    found = judge(stock, weft, again)
    assert (found.flaky, found.unsteady) == (["flaky"], ["once"])
    assert found.differences == {"lost": "failed", "sometimes": "failed", "hangs": "hung"}


def test_results_are_read_back(tmp_path: Path) -> None:
    for side, how in (("stock", "passed"), ("weft", "failed")):
        (tmp_path / "3.13" / side).mkdir(parents=True)
        (tmp_path / "3.13" / side / "trio.json").write_text(json.dumps({"python": "3.13.0", "results": {"a": how}}))
    found = outcome("3.13", "trio", tmp_path)
    assert found is not None
    assert found.differences == {"a": "failed"}
    assert outcome("3.13", "httpx", tmp_path) is None
    (tmp_path / "3.9" / "stock").mkdir(parents=True)
    assert versions(tmp_path) == ["3.9", "3.13"]


def test_the_table_names_each_difference_with_its_reason() -> None:
    found = judge({"a": "passed", "b": "passed", "c": "xfailed"}, {"a": "passed", "b": "failed", "c": "xfailed"}, {})
    reasons = '[[difference]]\nreason = "It counts threads."\n[difference.tests]\ntrio = ["b"]\n'
    text, faults = render({"3.13": {"trio": found}}, {"3.13": "3.13.0"}, reasons)
    assert f"| trio | {LIBRARIES['trio'].version} | {LIBRARIES['trio'].meets} | 2 | 0 | 1 | 1 | 1 | 1 | 50.00 % |" in text
    assert "It counts threads.\n\n- trio: `b` (3.13)" in text
    assert faults == ["3.13: 50.00 % kept, below 99.9 %"]
    assert "3.13: no reason for trio: b" in render({"3.13": {"trio": found}}, {"3.13": "3.13.0"}, "")[1]


def test_the_list_of_libraries_and_the_reasons_can_be_read() -> None:
    assert len(LIBRARIES) >= 25
    assert {"trio", "httpx", "httpcore", "urllib3", "anyio", "dnspython"} <= set(LIBRARIES)
    assert 2 <= sum(library.quick for library in LIBRARIES.values()) <= 5
    assert {library for library, _ in named(REASONS.read_text())} <= set(LIBRARIES)
    assert [library.name for library in chosen(["trio"])] == ["trio"]
    with pytest.raises(ValueError, match="no such library: tri; known are"):
        chosen(["tri"])


def test_what_a_run_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    assert cache.missing(LIBRARY) == "no source sample-1.0"
    (tmp_path / "sources" / "sample-1.0").mkdir(parents=True)
    assert cache.missing(LIBRARY).startswith("no environment for Python 3.")
    assert cache.source(LIBRARY) == tmp_path / "sources" / "sample-1.0"


def test_the_command_explains_itself() -> None:
    root = Path(cache.__file__).parent.parent
    shown = subprocess.run([sys.executable, "-m", "compatibility", "run", "nothing"], cwd=root, capture_output=True, text=True)
    assert shown.returncode == 2
    assert "no such library: nothing; known are trio" in shown.stderr
    shown = subprocess.run([sys.executable, "-m", "compatibility", "--help"], cwd=root, capture_output=True, text=True)
    assert "scripts/compatibility run httpx" in shown.stdout


def test_no_server_is_started_unless_a_suite_wants_one(tmp_path: Path) -> None:
    with servers.serving("", tmp_path) as variables:
        assert variables == {}
