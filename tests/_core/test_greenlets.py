"""Raw greenlets beside tasks: who runs them, and what becomes of their ends."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]


def test_a_greenlet_that_ends_after_its_task_ends_where_it_was_switched_to(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def make(fails):
    def body():
        greenlet.getcurrent().parent.switch("first")
        if fails:
            raise KeyError("end")
        return "second"
    made = greenlet.greenlet(body)
    print(made.switch())
    return made

def finish(made):
    try:
        return made.switch()
    except KeyError as error:
        return repr(error)

for fails in (False, True):
    made = weft.spawn(make, fails).result()
    weft.joinall([weft.spawn(weft.sleep, 0.001) for _ in range(3)])
    print(finish(made))
    made = weft.spawn(make, fails).result()
    print(weft.spawn(finish, made).result())
print(weft.spawn(int, "7").result())
""")
    assert done.stdout.split("\n") == ["first", "second"] * 2 + ["first", "KeyError('end')"] * 2 + ["7", ""]


def test_a_greenlet_of_a_parked_task_gives_its_value_to_whoever_ran_it(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

made = []

def make():
    made.append(greenlet.greenlet(lambda: "value"))
    weft.sleep(0.05)
    return "slept"

task = weft.spawn(make)
weft.sleep(0)
print(made[0].switch(), task.done(), task.result())
""")
    assert done.stdout == "value False slept\n"


def test_an_exception_thrown_into_a_parked_task_is_its_own(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def wait(how):
    places.append(greenlet.getcurrent())
    how()

lock = weft.Lock()
lock.acquire()
queue = weft.Queue()
for how in (lambda: weft.sleep(60), lock.acquire, queue.get, lambda: weft.Event().wait()):
    places = []
    task = weft.spawn(wait, how)
    weft.sleep(0)
    places[0].throw(KeyError("thrown"))
    print(task.join(5), repr(task.exception()))
    places = []
    task = weft.spawn(wait, how)
    thrower = weft.spawn(lambda: places[0].throw(KeyError("thrown")))
    print(weft.joinall([task, thrower], 5) == [task, thrower], repr(task.exception()), thrower.exception())
queue.put("kept")
lock.release()
print(queue.get(), lock.acquire(), weft.spawn(int, "7").result())
""")
    assert done.stdout.splitlines() == ["True KeyError('thrown')", "True KeyError('thrown') None"] * 4 + ["kept True 7"]


def test_a_bare_switch_to_a_parked_task_wakes_nobody(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

places = []

def wait():
    places.append(greenlet.getcurrent())
    weft.sleep(0.05)
    return "slept"

task = weft.spawn(wait)
weft.sleep(0)
for _ in range(3):
    places[0].switch()
print(task.done(), task.result())
""")
    assert done.stdout == "False slept\n"


def test_a_switch_to_what_lies_below_a_task_comes_back(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def below():
    parent = greenlet.getcurrent().parent
    return parent.switch("value")

print(weft.spawn(below).result(), weft.spawn(int, "7").result())
""")
    assert done.stdout == "value 7\n"


MAKERS = {
    "a greenlet": """
    made = greenlet.greenlet(body)
    made.switch()
    return made
""",
    "an iterator": """
    made = weft.iterator(body)()
    next(made)
    return made
""",
}


@pytest.mark.parametrize("ends", ["first", "while tasks run"])
@pytest.mark.parametrize("kind", MAKERS)
def test_what_another_thread_drops_ends_where_its_own_thread_may_wait(run_python: Run, kind: str, ends: str) -> None:
    """Its clean-up waits. It runs between two steps of a task, and not in the middle of a switch from one task to the next."""
    done = run_python(
        """
import greenlet, sys, weft
from weft import native

cleaned = []

def body():
    try:
        if sys.argv[1] == "a greenlet":
            greenlet.getcurrent().parent.switch()
        else:
            weft.emit(1)
    finally:
        weft.sleep(0.001)
        cleaned.append(1)

def make():
"""
        + MAKERS[kind]
        + """
def drop(box):
    if sys.argv[2] != "first":
        native.sleep(0.001)
    box.clear()

def work():
    for step in range(20):
        weft.sleep(0 if step % 3 else 0.0005)

for _ in range(20):
    box = [make() for _ in range(3)]
    native.start_new_thread(drop, (box,))
    if sys.argv[2] == "first":
        native.sleep(0.002)  # the thread has ended before anybody waits
    tasks = [weft.spawn(work) for _ in range(4)]
    assert weft.joinall(tasks, 10) == tasks
while len(cleaned) < 60:
    weft.sleep(0.001)
print("all")
""",
        kind,
        ends,
    )
    assert (done.stdout, done.stderr) == ("all\n", "")


def test_a_greenlet_that_is_traced_by_a_function_that_fails(run_python: Run) -> None:
    done = run_python(
        """
import greenlet, weft

def trace(event, what):
    raise ValueError("trace")

weft.spawn(weft.sleep, 0.01)
greenlet.settrace(trace)
try:
    weft.sleep(0.02)
except ValueError:
    pass
greenlet.settrace(None)
print(weft.spawn(int, "7").result(5))
""",
        check=False,
    )
    assert done.stdout == "7\n"


def test_an_import_without_greenlet_names_it(run_python: Run) -> None:
    done = run_python(
        """
import sys
sys.modules["greenlet"] = None
try:
    import weft
except ImportError as error:
    print(error)
""",
        check=False,
    )
    assert "greenlet" in done.stdout, done.stderr
