"""The examples of the README do what they say."""

import doctest
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_examples_run() -> None:
    outcome = doctest.testfile(str(README), module_relative=False, encoding="utf-8", optionflags=doctest.REPORT_NDIFF)
    assert outcome.attempted > 10
    assert outcome.failed == 0
