"""weft and its peers side by side: ``python -m bench``, or ``scripts/bench``, which installs the peers first.

Each work is a file that runs one peer in a process of its own and prints a figure: ``python -m bench.switching gevent``. The command
runs all of them interleaved, several rounds, and prints medians and ratios: these may be compared, figures of different runs may not.
"""
