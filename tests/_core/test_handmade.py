"""No object crashes the process, however it was made and whatever it is called with."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import weft

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SOURCE = Path(weft.__file__).parent
PROGRAM = (Path(__file__).parent / "handmade.py").read_text()
PROCESSES = 4  # in turn, so that one that was damaged does not try everything

# Parameters that may be None, and are asked.
MAY_BE_NONE = {"take_scopes", "put_scopes"}


def test_objects_made_by_new_and_by_hand_crash_nothing(run_python: Run) -> None:
    names = run_python(PROGRAM, "LIST").stdout.split()
    assert {"weft._core.task:Task", "weft._core.queues:PriorityQueue", "weft.maps:Results"} <= set(names)
    for first in range(PROCESSES):
        chosen = names[first::PROCESSES]
        done = run_python(PROGRAM, *chosen, check=False, timeout=300)
        tried = done.stdout.split()
        assert tried[-1:] == ["done"], f"{tried[-1:]} ended it with status {done.returncode}:\n{done.stderr[-3000:]}"


def test_no_parameter_of_an_extension_type_takes_none() -> None:
    sources = {path: path.read_text() for path in [*SOURCE.rglob("*.pyx"), *SOURCE.rglob("*.pxd")]}
    classes = {name for text in sources.values() for name in re.findall(r"^cdef class (\w+)", text, re.MULTILINE)}
    found = []
    for path, text in sources.items():
        for name, parameters in re.findall(r"^ *(?:def|cpdef[\w ]*?) (\w+)\(([^)]*)\)", text, re.MULTILINE):
            for parameter in parameters.split(","):
                typed = re.fullmatch(r"\s*(\w+) (\w+)( *=.*)?", parameter)
                if typed and typed[1] in classes and name not in MAY_BE_NONE:
                    found.append(f"{path.name}: {name}({parameter.strip()})")
    assert not found


def test_what_only_weft_makes_says_so(run_python: Run) -> None:
    made = run_python(
        """
        import weft
        from weft.maps import Results

        for make in (weft.Task, lambda: next(Results()), lambda: Results().counts, lambda: Results().close()):
            try:
                make()
            except TypeError as error:
                print(error)
        """
    )
    assert made.stdout.split("\n") == ["tasks are made by weft.spawn", *["results are made by weft.map"] * 3, ""]


def test_a_subclass_that_forgets_to_call_init(run_python: Run) -> None:
    made = run_python(
        """
        import weft

        def heir(kind):
            return type("Heir", (kind,), {"__init__": lambda self: None})()

        for kind in (weft.Queue, weft.LifoQueue, weft.PriorityQueue, weft.SimpleQueue):
            queue = heir(kind)
            queue.put(1)
            print(queue.get(), end=" ")
        with heir(weft.CapacityLimiter), heir(weft.RWLock).writing(), heir(weft.CancelScope):
            print("held")
        """
    )
    assert made.stdout == "1 1 1 1 held\n"


def test_joinall_wait_and_select_refuse_what_is_no_task(run_python: Run) -> None:
    program = """
    import weft

    task = weft.spawn(weft.sleep, 60)
    for call in (lambda: weft.joinall([task, None]), lambda: weft.wait([task, None]), lambda: next(weft.as_completed([None])),
                 lambda: weft.select(None), lambda: weft.select(weft.sending.__new__(weft.sending))):
        try:
            call()
        except TypeError as error:
            print("refused")
    """
    assert run_python(program).stdout == "refused\n" * 5
