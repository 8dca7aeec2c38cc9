"""The works of ``bench.toolkit``, one file for each peer."""
