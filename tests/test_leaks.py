"""Nothing is left behind: each operation again and again, and as many objects alive afterwards as before."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

SETUP = """
import contextvars, gc, os, queue, sys, weft
import weft.native, weft.threading
from greenlet import greenlet
from weft import socket

sys.stderr = open(os.devnull, "w")
nothing = weft.Queue()
lock = weft.Lock()
lock.acquire()
event = weft.Event()
condition = weft.Condition()
variable = contextvars.ContextVar("variable")
quiet, other = socket.socketpair()
quiet.settimeout(1e-6)

def fail():
    raise ValueError("again")

def expect(error, call, *args):
    try:
        call(*args)
    except error:
        return
    raise AssertionError(call)

def parked(call, *args):
    task = weft.spawn(call, *args)
    weft.sleep(0)
    return task

def cancelled(task):
    task.cancel()
    task.join()

def timed_out():
    task = parked(weft.sleep, 60)
    expect(TimeoutError, task.result, 0)
    cancelled(task)

def handed_over():
    getter = parked(nothing.get)
    nothing.put(object())
    getter.join()

def in_a_cycle():
    task = weft.spawn(lambda: box)
    box = [task]
    task.join()

def in_a_context():
    variable.set(object())
    weft.spawn(variable.get).join()

def in_a_greenlet():
    weft.spawn(lambda: greenlet(lambda: weft.sleep(0)).switch()).join()

def locals_of_a_task():
    local = weft.threading.local()
    local.value = 1
    weft.spawn(setattr, local, "value", 2).join()

def closed_under_a_reader():
    first, second = socket.socketpair()
    reader = parked(first.recv, 10)
    first.close()
    second.close()
    reader.exception()

def waited():
    with condition:
        condition.wait(1e-6)

weft.joinall([weft.spawn(len, "x") for _ in range(2_000)])  # from here on as much memory of ended tasks is kept as ever is
"""

OPERATIONS = [
    "expect(ValueError, weft.spawn(fail).result)",
    "weft.spawn(fail); weft.sleep(0)",
    "cancelled(weft.spawn(fail))",
    "cancelled(parked(weft.sleep, 60))",
    "cancelled(parked(nothing.get))",
    "cancelled(parked(lock.acquire))",
    "expect(queue.Empty, nothing.get, True, 1e-6)",
    "lock.acquire(timeout=1e-6)",
    "event.wait(1e-6)",
    "waited()",
    "expect(TimeoutError, quiet.recv, 10)",
    "timed_out()",
    "list(weft.as_completed([weft.spawn(len, 'x'), weft.spawn(weft.sleep)]))",
    "weft.spawn(dict, a=1, b=2).join()",
    "weft.spawn(len, 'x').add_done_callback(print.__eq__); weft.sleep(0)",
    "weft.offload(len, 'x')",
    "handed_over()",
    "in_a_cycle()",
    "in_a_context()",
    "in_a_greenlet()",
    "locals_of_a_task()",
    "closed_under_a_reader()",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_left_behind(run_python: Run, operation: str) -> None:
    done = run_python(
        SETUP
        + f"""
def again(count):
    for _ in range(count):
        {operation}
    gc.collect()
    weft.sleep(0.001)
    return sys.getallocatedblocks()

again(100)
print(again(500) - again(500))
""",
    )
    assert abs(int(done.stdout)) < 100


def test_threads_that_end_leave_nothing_behind(run_python: Run) -> None:
    done = run_python(
        SETUP
        + """
def thread(done):
    weft.joinall([weft.spawn(weft.sleep, 0.001) for _ in range(20)])
    done.put(None)

def again(count):
    for _ in range(count):
        done = weft.SimpleQueue()
        weft.native.start_new_thread(thread, (done,))
        done.get()
    while weft.native.count() > 0:
        weft.native.sleep(0.001)
    gc.collect()
    return sys.getallocatedblocks()

import _thread
weft.native.count = _thread._count
again(20)
print(again(100) - again(100))
"""
    )
    assert abs(int(done.stdout)) < 100


def test_a_cycle_through_the_main_task_of_a_thread_is_collected(run_python: Run) -> None:
    done = run_python(
        """
import gc, threading, weakref, weft

class Held:
    pass

def thread():
    task, held = weft.current_task(), Held()
    left.append(weakref.ref(held))
    task.add_done_callback(lambda _, cycle=(task, held): None)

weft.joinall([weft.spawn(len, "x") for _ in range(100)])
left = []
for _ in range(3):
    runner = threading.Thread(target=thread)
    runner.start()
    runner.join()
gc.collect()
print([reference() for reference in left])
"""
    )
    assert done.stdout == "[None, None, None]\n"


def test_the_memory_of_a_burst_is_given_back_when_nobody_can_run(run_python: Run) -> None:
    done = run_python(
        SETUP
        + """
def burst(count):
    weft.joinall([weft.spawn(len, "x") for _ in range(count)])
    weft.sleep(0.1)
    return sys.getallocatedblocks()

burst(2_000)
print(burst(20_000) - burst(2_000))
"""
    )
    assert abs(int(done.stdout)) < 1_000


def test_a_task_knows_nothing_of_the_one_whose_memory_it_has(run_python: Run) -> None:
    done = run_python(
        """
import random, weakref, weft

def work(number):
    if number % 3 == 0:
        weft.sleep(number % 5 * 0.0001)
    if number % 7 == 0:
        raise ValueError(number)
    return number

ended = []
for burst in range(20):
    numbers = random.Random(burst).sample(range(1_000), 500)
    tasks = {number: weft.spawn(work, number) for number in numbers}
    doomed = set(numbers[::11])
    for number in doomed:
        tasks[number].name = "doomed"
        tasks[number].add_done_callback(ended.append)
        tasks[number].cancel()
    weft.joinall(tasks.values())
    for number, task in tasks.items():
        assert task.done() and task.cancelled() == (number in doomed), (number, task)
        assert task.name == "doomed" or task.name.endswith("(work)"), task.name
        if number not in doomed:
            error = task.exception()
            assert error.args == (number,) if number % 7 == 0 else task.result() == number
    assert len(ended) == len(doomed)
    remembered = [weakref.ref(task) for task in tasks.values()]
    ended.clear()
    del tasks, task
    assert not any(reference() for reference in remembered)
print("fine")
"""
    )
    assert done.stdout == "fine\n"
