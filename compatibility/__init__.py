"""The test-suites of well-known libraries under ``weft run -m pytest``, beside the same suites under stock Python."""
