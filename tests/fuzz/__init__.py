"""A fuzzer of the core: random operations on shared objects, and invariants that must hold.

Run ``python -m tests.fuzz --help`` in the project's folder.

- ``settings``: one run's options.
- ``campaign``: starts runs in child processes, watches them, prints findings.
- ``world``: one run: tasks that pick operations, and the checks at the end.
- ``ledger``: the accounts that the invariants read.
- ``shared``: the objects that all tasks share.
- ``operations``: one file a subject.

An operation may do anything, if it leaves nothing behind and says what must hold.
"""
