"""Code of the program that the core runs beside a task: whatever it does, the scheduler goes on."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft

Run = Callable[..., CompletedProcess[str]]

PRELUDE = """
import contextvars, functools, gc, sys, weakref
import weft
from weft._core.schedulers import alive

ran = []
main = weft.current_task()

def misbehave():
    ran.append(1)
    if len(ran) > 20:
        return
    how = sys.argv[1]
    if how == "raises":
        raise ValueError("misbehaves")
    if how == "raises a BaseException":
        raise BaseException("misbehaves")
    if how == "switches":
        weft.sleep(0)
    if how == "waits":
        weft.sleep(0.01)
    if how == "re-enters":
        weft.joinall([weft.spawn(weft.sleep, 0) for _ in range(3)])
        if weft.current_task() is not main:
            weft.current_task().cancel()
        weft.current_task().add_done_callback(print)
        weft.spawn(int)

class Bad:
    def __del__(self):
        misbehave()

def check(task, outcome):
    assert task.join(10), task
    assert task.done()
    if isinstance(outcome, type):
        assert type(task.exception()) is outcome, task.exception()
    else:
        assert task.result() == outcome
    del task
    after()

def after():
    for _ in range(50):
        gc.collect()
        weft.sleep(0.001)
        if not alive():
            break
    assert ran, "it was not called"
    assert alive() == []
    assert weft.spawn(lambda: 42).result(10) == 42
    print("survived")
"""

PLACES = {
    "the function's argument, dropped": "check(weft.spawn(lambda bad: 1, Bad()), 1)",
    "the callable, dropped": """
class Callable(Bad):
    def __call__(self): return 1
check(weft.spawn(Callable()), 1)
""",
    "a result that nobody wants": "weft.spawn(Bad); after()",
    "the value of a context variable": """
variable = contextvars.ContextVar("variable")
check(weft.spawn(lambda: (variable.set(Bad()), 1)[1]), 1)
""",
    "the value of a local": """
local = weft.local()
check(weft.spawn(lambda: (setattr(local, "value", Bad()), 1)[1]), 1)
""",
    "a callback": """
task = weft.spawn(lambda: 1)
task.add_done_callback(lambda _: misbehave())
check(task, 1)
""",
    "a callback of an ended task": """
task = weft.spawn(lambda: 1)
task.join()
task.add_done_callback(lambda _: misbehave())
check(task, 1)
""",
    "the callback of a weak reference": """
task = weft.spawn(weft.sleep, 0)
reference = weakref.ref(task, lambda _: misbehave())
del task
weft.sleep(0.01)
after()
""",
    "an attribute of the exception, set": """
class Refusing(Exception):
    def __setattr__(self, name, value): misbehave()
def fail(): raise Refusing
task = weft.spawn(fail)
ran.append(1)
check(task, Refusing)
""",
    "the class of the exception": """
class Elusive(Exception):
    @property
    def __class__(self): misbehave(); return int
def fail(): raise Elusive
task = weft.spawn(fail)
ran.append(1)
check(task, Elusive)
""",
    "the words of an exception that is reported": """
class Silent(Exception):
    def __str__(self): misbehave(); return "words"
    __repr__ = __str__
def fail(): raise Silent
weft.spawn(fail)
weft.sleep(0)
after()
""",
    "the repr of an exception": """
class Shy(Exception):
    def __repr__(self): misbehave(); return "words"
def fail(): raise Shy
task = weft.spawn(fail)
task.join()
try: repr(task)
except BaseException as error: print("repr raised", repr(error))
check(task, Shy)
""",
    "the stream of a report": """
class Stream:
    def write(self, text): misbehave()
    def flush(self): misbehave()
sys.stderr, kept = Stream(), sys.stderr
weft.spawn(lambda: 1 / 0)
weft.sleep(0.05)
weft.sleep(0.05)
sys.stderr = kept
after()
""",
    "the stream of a callback's report": """
class Stream:
    def write(self, text): misbehave()
    def flush(self): misbehave()
sys.stderr, kept = Stream(), sys.stderr
task = weft.spawn(lambda: 1)
task.add_done_callback(lambda _: 1 / 0)
task.join()
sys.stderr = kept
check(task, 1)
""",
    "the hook for what cannot be raised": """
sys.unraisablehook = lambda args: misbehave()
class Worse:
    def __del__(self): raise ValueError
check(weft.spawn(lambda bad: 1, Worse()), 1)
""",
    "the name of a callable": """
class Named:
    @property
    def __name__(self): misbehave(); return "name"
    def __call__(self): raise KeyError
    def __repr__(self): misbehave(); return "repr"
task = weft.spawn(Named())
task.name, repr(task)
ran.append(1)
check(task, KeyError)
""",
    "the name of a task": """
class Text(str):
    def __format__(self, spec): misbehave(); return "text"
    def __str__(self): return self
    __repr__ = __format__
task = weft.spawn(lambda: 1 / 0)
task.name = Text("name")
repr(task)
ran.append(1)
check(task, ZeroDivisionError)
""",
    "the generator that a task leaves": """
def generate():
    try: yield 1
    finally: misbehave()
def leave():
    generator = generate()
    next(generator)
    generators.append(generator)
    return 1
generators = []
task = weft.spawn(lambda: (leave(), generators.clear(), 1)[2])
check(task, 1)
""",
    "a cycle that the collector frees": """
gc.set_threshold(1, 1, 1)
class Cycle(Bad):
    def __init__(self): self.me = self
def make():
    for _ in range(5):
        Cycle()
        weft.sleep(0)
    return 1
for _ in range(3):
    task = weft.spawn(make)
    task.join()
gc.set_threshold(700, 10, 10)
after()
""",
}


@pytest.mark.parametrize("how", ["raises", "raises a BaseException", "switches", "waits", "re-enters"])
@pytest.mark.parametrize("place", PLACES)
def test_the_scheduler_survives(run_python: Run, place: str, how: str) -> None:
    done = run_python(PRELUDE + PLACES[place], how)
    assert "survived" in done.stdout


def test_an_error_is_reported_once_and_by_the_safe_name(run_python: Run) -> None:
    done = run_python("""
import weft

class Named:
    __name__ = property(lambda self: 1 / 0)
    def __call__(self): raise KeyError("lost")

weft.spawn(Named())
weft.sleep(0)
""")
    assert done.stderr.count("KeyError: 'lost'") == 1
    assert "Exception in Task-1 (Named):" in done.stderr
    assert "ZeroDivisionError" not in done.stderr


def test_a_callback_that_fails_is_reported_once(run_python: Run) -> None:
    done = run_python("""
import weft

task = weft.spawn(int)
task.add_done_callback(lambda _: 1 / 0)
task.join()
""")
    assert done.stderr.count("ZeroDivisionError") == 1
    assert "Exception in a callback of <Task 'Task-1 (int)' finished>" in done.stderr


def test_what_strikes_in_the_middle_of_a_report_is_not_lost(run_python: Run) -> None:
    done = run_python("""
import signal, sys, weft, weft.monkey

weft.monkey.patch_all()

class Stream:
    def write(self, text):
        signal.raise_signal(signal.SIGUSR1)
        for _ in range(1000):
            pass
    def flush(self): pass

def handler(*_):
    raise ValueError("of the handler")

signal.signal(signal.SIGUSR1, handler)
ignored = []
sys.unraisablehook = lambda args: ignored.append((args.err_msg, args.exc_value))
before, sys.stderr = sys.stderr, Stream()
try:
    weft.spawn(int, "x").join()
    weft.sleep(0.01)
except ValueError as error:
    ignored.append(("", error))
sys.stderr = before
print(ignored)
""")
    assert done.stdout.count("ValueError('of the handler')") == 1


def test_the_collector_runs_no_finalizer_while_the_scheduler_chooses(run_python: Run) -> None:
    """Before 3.12 each allocation may run it. A finalizer that waited there would take the place of the task that is about to be left."""
    done = run_python(
        """
import gc, os, weft

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        weft.sleep(0)

def work():
    for _ in range(30):
        Cycle()
        weft.sleep(0.0002)

r, w = os.pipe()
weft.spawn(weft.wait_readable, r)  # a poller with something to look at allocates more
gc.set_threshold(1, 1, 1)
for _ in range(10):
    tasks = [weft.spawn(work) for _ in range(10)]
    assert weft.joinall(tasks, 20) == tasks
print("all", flush=True)
os._exit(0)
""",
        WEFT_POLLER="poll",
    )
    assert done.stdout == "all\n"


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit(4)"])
@pytest.mark.parametrize("place", ["callback", "stream"])
def test_the_end_of_the_program_reaches_the_main_task_from_anywhere(run_python: Run, place: str, error: str) -> None:
    done = run_python(f"""
import sys, weft

class Stream:
    def write(self, text): end()
    def flush(self): pass

def end(*_):
    raise {error}

task = weft.spawn(int)
if {place!r} == "callback":
    task.add_done_callback(end)
else:
    task.add_done_callback(lambda _: 1 / 0)
    sys.stderr = Stream()
try:
    weft.sleep(10)
except {error.partition("(")[0]}:
    print("ended", task.done())
""")
    assert done.stdout == "ended True\n"


def test_a_task_that_leaves_a_context_entered_keeps_its_outcome(run_python: Run) -> None:
    done = run_python("""
import contextvars, ctypes, weft

def enter():
    context = contextvars.copy_context()
    ctypes.pythonapi.PyContext_Enter(ctypes.py_object(context))
    return "outcome"

print(weft.spawn(enter).result(), weft.spawn(int).result())
""")
    assert done.stdout == "outcome 0\n"
    assert "RuntimeError" in done.stderr


def test_a_greenlet_exit_with_a_class_of_its_own_is_a_cancellation(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

class Exit(greenlet.GreenletExit):
    args = property(lambda self: 1 / 0)

def end():
    raise Exit("why")

task = weft.spawn(end)
task.join()
print(task.cancelled())
""")
    assert done.stdout == "True\n"


def test_a_local_s_init_that_fails_runs_again_at_the_next_use() -> None:
    calls = []

    class Careful(weft.local):
        def __init__(self) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise ValueError
            self.number = 5

    careful = Careful()

    def use() -> int:
        with pytest.raises(ValueError, match=r"^$"):
            careful.number  # noqa: B018
        return careful.number

    assert weft.spawn(use).result(timeout=30) == 5
