"""Locks and threads that were made before patching."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft
import weft.native
from weft._core.foreignlocks import ForeignLock, ForeignRLock

Run = Callable[..., CompletedProcess[str]]


def test_locks_made_before_patching_become_cooperative(run_python: Run) -> None:
    """Module globals, class attributes, instances, slots, closures, containers: without a warning."""
    done = run_python(
        """
        import queue, threading
        plain, again = threading.Lock(), threading.RLock()
        class Shared:
            lock = threading.Lock()
            __slots__ = ("own",)
        shared = Shared(); shared.own = threading.Lock()
        class Plain: pass
        instance = Plain(); instance.lock = threading.RLock(); instance.locks = [threading.Lock()]; instance.named = {"a": threading.Lock()}
        def closing():
            lock = threading.Lock()
            return lambda: lock
        closure = closing()
        jobs, event, condition, simple = queue.Queue(), threading.Event(), threading.Condition(), queue.SimpleQueue()
        simple.put("kept")
        from weft import monkey
        monkey.patch_all()
        import weft
        found = [plain, Shared.lock, shared.own, instance.locks[0], instance.named["a"], closure(), jobs.mutex]
        print({type(lock) is weft.Lock for lock in found}, {type(lock) is weft.RLock for lock in (again, instance.lock)})
        print(type(simple) is weft.SimpleQueue, simple.get())
        def work(number):
            with plain, again, jobs.mutex, condition:
                weft.sleep(0.001)
                jobs.queue.append(number)
        weft.joinall([weft.spawn(work, number) for number in range(5)])
        weft.spawn(lambda: (weft.sleep(0.01), event.set()))
        print(event.wait(10), jobs.qsize())
        taker = weft.spawn(lambda: [jobs.get() for _ in range(6)])
        weft.sleep(0)
        jobs.put(9)
        print(len(taker.result(10)))
        """
    )
    assert done.stdout == "{True} {True}\nTrue kept\nTrue 5\n6\n"
    assert "patched too late" not in done.stderr


def test_a_lock_that_is_held_goes_on_being_held(run_python: Run) -> None:
    done = run_python(
        """
        import threading
        plain, again = threading.Lock(), threading.RLock()
        plain.acquire()
        again.acquire(); again.acquire()
        from weft import monkey
        monkey.patch_all()
        import weft
        ask = lambda lock: weft.spawn(lock.acquire, timeout=0.01).result(10)
        print(plain.locked(), ask(plain), ask(again))
        plain.release(); again.release()
        print(ask(plain), ask(again))
        again.release()
        print(ask(again))
        """
    )
    assert done.stdout == "True False False\nTrue False\nTrue\n"


def test_what_cannot_be_replaced_is_named_and_left_whole(run_python: Run) -> None:
    """A lock in a tuple, and one that a ``with`` block is in the middle of: both of its places stay."""
    done = run_python(
        """
        import threading, warnings
        warnings.simplefilter("always")
        kept = threading.Lock()
        pair = (kept,)
        entered = threading.RLock()
        with entered:
            from weft import monkey
            monkey.patch_all()
            print(kept is pair[0])
        print(entered.acquire(blocking=False))
        """
    )
    assert done.stdout == "True\nTrue\n"
    assert "__main__.kept (a real lock)" in done.stderr
    assert "__main__.entered (a real lock)" in done.stderr


def test_logging_and_its_handlers_keep_tasks_apart(run_python: Run) -> None:
    done = run_python(
        """
        import logging, sys
        handler = logging.StreamHandler(sys.stdout)
        from weft import monkey
        monkey.patch_all()
        import weft
        print(type(logging._lock) is weft.RLock, type(handler.lock) is weft.RLock)
        """
    )
    assert done.stdout == "True True\n"


def test_threads_made_before_patching_start_and_are_joined(run_python: Run) -> None:
    """A Thread and a Timer that were not started, and a real thread that runs: joining it parks."""
    done = run_python(
        """
        import os, threading, warnings
        warnings.simplefilter("ignore")
        made = threading.Thread(target=print, args=("started",))
        timer = threading.Timer(0.01, print, ("timer",))
        r, w = os.pipe()
        real = threading.Thread(target=os.read, args=(r, 1))
        real.start()
        from weft import monkey
        monkey.patch_all()
        import weft
        made.start(); made.join(10)
        timer.start(); timer.join(10)
        ticks = []
        weft.spawn(lambda: [(weft.sleep(0.01), ticks.append(1)) for _ in range(5)] and os.write(w, b"x"))
        real.join()
        print(len(ticks), real.is_alive(), made.is_alive(), timer.is_alive())
        later = threading.Thread(target=print, args=("after",))
        monkey.unpatch_all()
        later.start(); later.join()
        """
    )
    assert done.stdout == "started\ntimer\n5 False False False\nafter\n"


@pytest.mark.parametrize("make", [weft.native.allocate_lock, weft.native.RLock])
def test_a_condition_over_a_real_lock_parks(make: Callable[[], object]) -> None:
    """Somebody on another thread holds the lock: the waiting task parks, and its siblings go on."""
    real = make()
    condition = weft.Condition(real)
    assert isinstance(condition.acquire.__self__, (ForeignLock, ForeignRLock))  # type: ignore[attr-defined]
    held, free = weft.Event(), weft.native.allocate_lock()
    free.acquire()

    def thread() -> None:
        real.acquire()  # type: ignore[attr-defined]
        held.set()
        free.acquire()
        real.release()  # type: ignore[attr-defined]

    weft.native.start_new_thread(thread, ())
    held.wait()
    ticks = []

    def tick() -> None:
        for _ in range(3):
            weft.sleep(0.001)
            ticks.append(1)
        free.release()

    weft.spawn(tick)
    with condition:
        assert len(ticks) == 3
        assert not condition.wait(0.001)
        waiter = weft.spawn(lambda: condition.acquire(timeout=0.001))  # type: ignore[call-arg]
        assert waiter.result(5) is False


def test_a_real_thread_is_one_in_a_patched_program(run_python: Run) -> None:
    done = run_python(
        """
        from weft import monkey
        monkey.patch_all()
        import threading, weft.native
        from weft.realthreads import RealThread, RealThreadPoolExecutor
        seen = []
        thread = RealThread(target=lambda: seen.append((weft.native.get_ident(), threading.current_thread().name)), name="mine")
        thread.start(); thread.join(10)
        print(seen[0][0] != weft.native.get_ident(), seen[0][1], thread.is_alive())
        with RealThreadPoolExecutor(2, thread_name_prefix="pool") as pool:
            print(pool.submit(weft.native.get_ident).result() != weft.native.get_ident(), list(pool.map(abs, [-1, 2])))
        never = RealThreadPoolExecutor(1)
        never.submit(int).result()
        """
    )
    assert done.stdout == "True mine False\nTrue [1, 2]\n"
