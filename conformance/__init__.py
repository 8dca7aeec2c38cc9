"""CPython's own test-suite under ``weft run -m test``, beside the same files under stock Python and under gevent."""
