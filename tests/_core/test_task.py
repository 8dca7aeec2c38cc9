"""Tasks as a user sees them: they run at once, end, fail, are cancelled, and say so."""

import concurrent.futures
import contextvars
import gc
import signal
import threading
import time
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft

Run = Callable[..., CompletedProcess[str]]


def divide() -> float:
    return 1 / 0


def test_ten_sleeps_take_as_long_as_one() -> None:
    began = time.monotonic()
    tasks = [weft.spawn(weft.sleep, 0.2) for _ in range(10)]
    assert weft.joinall(tasks) == tasks
    assert time.monotonic() - began < 1


def test_a_task_returns_what_its_function_returns() -> None:
    assert weft.spawn(divmod, 7, 2).result() == (3, 1)
    assert weft.spawn(dict, a=1).result() == {"a": 1}


def test_an_error_reaches_who_asks() -> None:
    task = weft.spawn(divide)
    with pytest.raises(ZeroDivisionError):
        task.result()
    assert isinstance(task.exception(), ZeroDivisionError)
    assert task.done()
    assert not task.cancelled()


def test_tasks_take_turns() -> None:
    order: list[str] = []

    def count(name: str) -> None:
        for number in range(3):
            order.append(f"{name}{number}")
            weft.sleep(0)

    weft.joinall([weft.spawn(count, "a"), weft.spawn(count, "b")])
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_an_error_that_nobody_asks_for_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    weft.spawn(divide)
    weft.sleep(0)
    held = weft.spawn(divide)
    held.join()
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1
    del held
    gc.collect()
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1


def test_a_result_can_time_out_and_leaves_nothing_behind() -> None:
    task = weft.spawn(weft.sleep, 0.2)
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"0\.01 seconds"):
            task.result(timeout=0.01)
    assert not task.join(timeout=0)
    assert weft.joinall([task], timeout=0) == []
    assert task.join()


def test_cancel_raises_where_the_task_waits_and_again_at_each_later_wait() -> None:
    seen: list[str] = []

    def stubborn() -> None:
        for _ in range(3):
            try:
                weft.sleep(60)
            except weft.Cancelled:
                seen.append("cancelled")

    task = weft.spawn(stubborn)
    weft.sleep(0)
    assert task.cancel()
    assert task.result() is None
    assert seen == ["cancelled"] * 3
    assert not task.cancel()


def test_a_cancelled_task_says_so() -> None:
    begun: list[int] = []
    never = weft.spawn(begun.append, 1)
    parked = weft.spawn(weft.sleep, 60)
    never.cancel()
    weft.sleep(0)
    parked.cancel()
    weft.joinall([never, parked])
    assert begun == []
    for task in (never, parked):
        assert task.cancelled()
        with pytest.raises(concurrent.futures.CancelledError):
            task.result()


def test_callbacks_get_the_ended_task() -> None:
    seen: list[bool] = []
    task = weft.spawn(int)
    task.add_done_callback(lambda ended: seen.append(ended.done()))
    task.join()
    task.add_done_callback(lambda ended: seen.append(ended is task))
    assert seen == [True, True]


def test_each_task_has_a_copy_of_its_spawners_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("spawner")

    def change() -> str:
        before = variable.get()
        variable.set("task")
        weft.sleep(0)
        return before + variable.get()

    assert [task.result() for task in [weft.spawn(change) for _ in range(2)]] == ["spawnertask"] * 2
    assert variable.get() == "spawner"


def test_each_task_has_the_context_of_the_moment_of_its_spawn() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    tasks = []
    for number in range(10):
        if number % 2:
            variable.set(number)
        tasks.append(weft.spawn(variable.get, -1))
    assert [task.result() for task in tasks] == [-1, 1, 1, 3, 3, 5, 5, 7, 7, 9]
    inside = contextvars.Context()
    assert inside.run(lambda: weft.spawn(variable.get, -1).result()) == -1


def test_a_task_cannot_wait_for_itself() -> None:
    def myself() -> None:
        weft.current_task().join()

    with pytest.raises(RuntimeError, match="join current task"):
        weft.spawn(myself).result()


def test_names_are_for_people() -> None:
    task = weft.spawn(divide)
    assert "divide" in task.name
    task.name = "worker"
    assert "worker" in repr(task)
    task.exception()


def test_another_thread_can_cancel() -> None:
    task = weft.spawn(weft.sleep, 60)
    timer = threading.Timer(0.05, task.cancel)
    timer.start()
    assert task.join(timeout=30)
    timer.join()


def test_another_thread_has_a_scheduler_of_its_own() -> None:
    results: list[int] = []

    def thread() -> None:
        results.extend(task.result() for task in [weft.spawn(abs, -number) for number in range(5)])

    started = threading.Thread(target=thread)
    started.start()
    started.join()
    assert results == [0, 1, 2, 3, 4]


def test_a_wait_that_nothing_can_end_is_a_deadlock(run_python: Run) -> None:
    done = run_python("""
import weft

def stuck(other):
    other.join()

main = weft.current_task()
task = weft.spawn(stuck, main)
task.name = "the stuck one"
try:
    task.join()
except weft.DeadlockError as error:
    print(len(error.tasks))
    print(error)
""")
    assert done.stdout.splitlines()[0] == "2"
    assert "the stuck one" in done.stdout
    assert "in stuck" in done.stdout


def test_ctrl_c_reaches_the_main_task(run_python: Run) -> None:
    done = run_python("""
import os, signal, threading, weft

task = weft.spawn(weft.sleep, 60)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    task.join()
except KeyboardInterrupt:
    print("interrupted", task.done())
""")
    assert done.stdout == "interrupted False\n"


def test_a_signal_handler_runs_promptly_and_may_wait_itself() -> None:
    seen: list[float] = []

    def handler(*_: object) -> None:
        weft.sleep(0.01)
        seen.append(time.monotonic())

    before = signal.signal(signal.SIGALRM, handler)
    try:
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        weft.joinall([weft.spawn(weft.sleep, 0.5), weft.spawn(weft.sleep, 0.3)])
        assert len(seen) == 1
        assert seen[0] - began < 0.3
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("statement", "status"), [("raise SystemExit(3)", 3), ("raise KeyboardInterrupt", 130)])
def test_the_end_of_the_program_can_be_raised_in_a_task(run_python: Run, statement: str, status: int) -> None:
    done = run_python(
        f"""
import weft

def end():
    {statement}

weft.spawn(end)
weft.sleep(60)
""",
        check=False,
    )
    assert done.returncode in (status, -signal.SIGINT if status == 130 else status)


def test_a_forked_child_has_an_empty_scheduler(run_python: Run) -> None:
    done = run_python("""
import os, weft

def fork():
    child = os.fork()
    if child == 0:
        print("child", weft.spawn(int, "7").result(), flush=True)
        weft.sleep(0.01)
        return
    print("parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

other = weft.spawn(weft.sleep, 0.05)
weft.spawn(fork).result()
child = os.fork()
if child == 0:
    weft.spawn(weft.sleep, 0.01).join()
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), other.join())
""")
    assert done.stdout.splitlines() == ["child 7", "parent 0", "5 True"]


def test_raw_greenlets_inside_a_task_may_wait() -> None:
    from greenlet import getcurrent, greenlet

    order: list[str] = []

    def run(name: str) -> None:
        home = getcurrent()

        def inner() -> None:
            order.append(f"{name} in")
            weft.sleep(0.01)
            order.append(f"{name} out")
            home.switch()

        greenlet(inner).switch()

    weft.joinall([weft.spawn(run, "a"), weft.spawn(run, "b")])
    assert order == ["a in", "b in", "a out", "b out"]


def test_a_hundred_thousand_tasks_sleep_at_once() -> None:
    tasks = [weft.spawn(weft.sleep, 0.01) for _ in range(100_000)]
    assert len(weft.joinall(tasks)) == 100_000


def test_a_million_spawns_leave_no_memory_behind(run_python: Run) -> None:
    done = run_python("""
import gc, weft

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def batch(count):
    for _ in range(count // 1000):
        weft.joinall([weft.spawn(int) for _ in range(1000)])

batch(100_000)
before = resident()
batch(1_000_000)
print(resident() - before)
""")
    assert int(done.stdout) < 1_000_000


def test_a_task_drops_its_locals_before_its_joiners_go_on() -> None:
    gone: list[int] = []
    local = weft.local()

    class Kept:
        def __del__(self) -> None:
            weft.sleep(0)
            gone.append(1)

    def work() -> None:
        task = weft.spawn(setattr, local, "value", Kept())
        task.add_done_callback(lambda _: setattr(local, "value", None))
        task.join()

    thread = threading.Thread(target=work)  # with it the task would end in the middle
    thread.start()
    thread.join()
    assert gone == [1]


def test_an_error_nobody_asks_for_is_reported_at_the_interpreters_end(run_python: Run) -> None:
    done = run_python(
        """
        import weft
        def f(): raise ValueError("what went wrong")
        task = weft.spawn(f)
        weft.sleep(0.01)
        """
    )
    assert done.stderr.startswith("Exception in Task-1 (f):\nTraceback (most recent call last):")
    assert done.stderr.endswith("ValueError: what went wrong\n")
