"""The deadlock report: raised when nothing can wake the main task, and never while something could."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

Run = Callable[..., CompletedProcess[str]]

LIBRARY = r"""
#include <pthread.h>
#include <unistd.h>
typedef void (*callback)(void);
static void *call(void *given) { usleep(200000); ((callback)given)(); return 0; }
static void *end(void *given) { usleep(200000); return 0; }
int call_later(callback given) { pthread_t thread; return pthread_create(&thread, 0, call, (void *)given); }
int end_later(void) { pthread_t thread; return pthread_create(&thread, 0, end, 0); }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose threads the interpreter does not know."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "later.c").write_text(LIBRARY)
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None
    run([compiler, "-shared", "-fPIC", "-o", folder / "later.so", folder / "later.c", "-lpthread"], check=True)
    return folder / "later.so"


def test_a_thread_of_a_library_may_still_call_back(run_python: Run, library: Path) -> None:
    done = run_python(
        """
import ctypes, sys, weft

library = ctypes.CDLL(sys.argv[1])
event = weft.Event()
callback = ctypes.CFUNCTYPE(None)(event.set)
library.call_later(callback)
print(event.wait())
""",
        library.as_posix(),
    )
    assert done.stdout == "True\n"


def test_a_thread_of_a_library_that_ends_without_a_word(run_python: Run, library: Path) -> None:
    done = run_python(
        """
import ctypes, sys, weft

ctypes.CDLL(sys.argv[1]).end_later()
try:
    weft.Event().wait()
except weft.DeadlockError:
    print("a deadlock")
""",
        library.as_posix(),
    )
    assert done.stdout == "a deadlock\n"


def test_a_python_thread_that_ends_without_a_word(run_python: Run) -> None:
    done = run_python("""
import threading, time, weft

threading.Thread(target=time.sleep, args=(0.2,)).start()
threading.Thread(target=weft.sleep, args=(0.1,)).start()
try:
    weft.Event().wait()
except weft.DeadlockError:
    print("a deadlock")
""")
    assert done.stdout == "a deadlock\n"


def test_threads_of_the_pool_that_have_just_become_idle(run_python: Run) -> None:
    done = run_python("""
import weft

for _ in range(5):
    weft.joinall([weft.spawn(weft.offload, sum, range(1000)) for _ in range(4)])
    try:
        weft.Event().wait()
    except weft.DeadlockError:
        print("a deadlock")
""")
    assert done.stdout == "a deadlock\n" * 5


def test_the_report_runs_no_code_of_the_program(run_python: Run) -> None:
    done = run_python("""
import weft

class Evil:
    def __repr__(self):
        raise SystemError("the report asked")
    __str__ = __format__ = __repr__

class EvilLock(Evil):
    def __init__(self): self.real = weft.Lock()
    def acquire(self, *args): return self.real.acquire(*args)
    def release(self): self.real.release()
    def __enter__(self): self.acquire()
    def __exit__(self, *_): self.release()

class EvilEvent(weft.Event):
    __repr__ = Evil.__repr__

def wait(how):
    how()

condition = weft.Condition(EvilLock())
def on_condition():
    with condition:
        condition.wait()

tasks = [weft.spawn(wait, how) for how in (EvilEvent().wait, on_condition, weft.Queue().get)]
try:
    weft.joinall(tasks)
except weft.DeadlockError as error:
    print(len(error.tasks))
    print(error)
""")
    assert done.stdout.startswith("4\n")
    assert "EvilEvent object at" in done.stdout
