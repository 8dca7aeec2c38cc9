"""Cancel scopes and timeouts: a block ends when it should, whatever waits in it, and nothing is lost or left."""

import contextlib
import math
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import weft
import weft.native
from weft.queue import Queue

Done = list[object]


def test_a_block_that_takes_too_long_raises_timeout_error() -> None:
    with pytest.raises(TimeoutError, match=r"not done within 0\.01 seconds") as caught, weft.timeout(0.01) as scope:
        weft.sleep(60)
    assert scope.expired
    assert scope.cancelled_caught
    assert isinstance(caught.value.__cause__, weft.Cancelled)


def test_a_block_that_is_done_in_time_leaves_nothing() -> None:
    with weft.timeout(0.01) as scope:
        weft.sleep(0)
    weft.sleep(0.03)
    assert not scope.expired
    with weft.timeout(None), weft.move_on_after(math.inf):
        weft.sleep(0)


def test_move_on_after_ends_quietly_and_says_so() -> None:
    with weft.move_on_after(0.01) as scope:
        weft.sleep(60)
    assert scope.cancelled_caught
    with weft.move_on_after(60) as scope:
        weft.sleep(0)
    assert not scope.cancelled_caught


@pytest.mark.parametrize(("outer", "inner"), [(0.01, 60), (60, 0.01), (0.01, 0.01)])
def test_nested_scopes_know_whose_deadline_came(outer: float, inner: float) -> None:
    after = False
    with weft.move_on_after(outer) as first:
        with weft.move_on_after(inner) as second:
            weft.sleep(60)
        after = True
        weft.sleep(0)
    assert first.cancelled_caught == (outer < 1)
    assert second.cancelled_caught == (inner < 1 and outer > 1)
    assert after == (outer > 1)


def test_cancelled_comes_again_until_the_scope_is_left() -> None:
    seen = 0
    with weft.CancelScope() as scope:
        scope.cancel()
        for wait in (lambda: weft.sleep(0), lambda: weft.sleep(1), weft.Event().wait, Queue().get, weft.spawn(weft.sleep, 0.01).join):
            with pytest.raises(weft.Cancelled):
                wait()
            seen += 1
        weft.sleep(0)
    assert seen == 5
    assert scope.cancelled_caught
    weft.sleep(0)


def test_what_need_not_wait_goes_on_in_a_cancelled_scope() -> None:
    queue: Queue[int] = Queue()
    lock = weft.Lock()
    with weft.CancelScope() as scope:
        scope.cancel()
        queue.put(1)
        with lock:
            assert queue.get() == 1
    assert not scope.cancelled_caught


def test_a_shield_holds_cancellations_up() -> None:
    done: Done = []

    def work() -> None:
        with weft.CancelScope(shield=True):
            weft.sleep(0.02)
            done.append("cleaned")
        weft.sleep(60)

    task = weft.spawn(work)
    weft.sleep(0)
    task.cancel()
    assert task.join(5)
    assert (done, task.cancelled()) == (["cleaned"], True)

    with weft.move_on_after(0.01) as outer:
        with weft.move_on_after(0.03, shield=True) as inner:
            weft.sleep(60)
        done.append("inner")
        weft.sleep(60)
    assert (done[1:], outer.cancelled_caught, inner.cancelled_caught) == (["inner"], True, True)


def test_a_shield_that_is_lowered_lets_the_cancellation_in() -> None:
    with weft.CancelScope() as outer, weft.CancelScope(shield=True) as inner:
        outer.cancel()
        weft.sleep(0)
        inner.shield = False
        weft.sleep(60)
    assert outer.cancelled_caught


def test_a_deadline_can_be_moved() -> None:
    with weft.move_on_after(0.01) as scope:
        scope.deadline = math.inf
        weft.sleep(0.03)
    assert not scope.cancelled_caught
    with weft.move_on_after(60) as scope:
        weft.spawn(lambda: setattr(scope, "deadline", time.monotonic()))
        weft.sleep(60)
    assert scope.expired
    with weft.CancelScope(deadline=time.monotonic() + 0.01) as scope:
        weft.spawn(lambda: setattr(scope, "deadline", time.monotonic() + 60))
        weft.sleep(0.03)
    assert not scope.expired


def test_a_scope_can_be_cancelled_by_another_task_and_by_another_thread() -> None:
    for start in (weft.spawn, lambda cancel: weft.native.start_new_thread(cancel, ())):
        with weft.CancelScope() as scope:
            start(scope.cancel)
            weft.sleep(60)
        assert scope.cancelled_caught
        assert not scope.expired
    before = weft.CancelScope()
    before.cancel()
    with before:
        weft.sleep(60)
    assert before.cancelled_caught


def test_a_timeout_that_was_cancelled_by_hand_is_no_timeout() -> None:
    with weft.timeout(60) as scope:
        scope.cancel()
        weft.sleep(60)
    assert scope.cancelled_caught


def test_scopes_are_left_in_reverse_order_by_their_own_task() -> None:
    outer, inner = weft.CancelScope(), weft.CancelScope()
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match="reverse order"):
        outer.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="entered once"):
        outer.__enter__()
    outer.cancel()
    inner.cancel()
    weft.sleep(0)  # neither is in force any more

    def generator() -> Iterator[None]:
        with weft.CancelScope():
            yield

    items = generator()
    weft.spawn(next, items).join()
    with pytest.raises(RuntimeError, match="the task that entered"):
        next(items)


def test_cancelled_in_a_group_of_exceptions_is_taken_out() -> None:
    with weft.CancelScope() as scope:
        scope.cancel()
        raise BaseExceptionGroup("all", [weft.Cancelled()])
    with pytest.raises(ExceptionGroup) as caught, weft.CancelScope() as scope:
        scope.cancel()
        raise BaseExceptionGroup("some", [weft.Cancelled(), ValueError("kept")])
    assert [str(error) for error in caught.value.exceptions] == ["kept"]


def test_an_error_of_the_block_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="its own"), weft.timeout(0.001):
        with contextlib.suppress(weft.Cancelled):
            weft.sleep(60)
        raise ValueError("its own")


@pytest.mark.parametrize("seconds", [math.nan, "1"])
def test_what_is_no_time(seconds: object) -> None:
    for make in (weft.timeout, weft.move_on_after, lambda value: weft.CancelScope(deadline=value)):
        with pytest.raises((TypeError, ValueError)):
            make(seconds)  # type: ignore[arg-type]


def test_a_stalled_peer_is_left_behind_and_its_socket_closed() -> None:
    from weft import socket as parking

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with pytest.raises(TimeoutError), weft.timeout(0.05), parking.create_connection(address) as connection:
            connection.recv(1)
    assert connection.fileno() == -1


def test_a_peer_that_never_stops_does_not_hold_a_timeout_up() -> None:
    from weft import socket as parking

    here, there = parking.socketpair()
    stop = weft.native.allocate_lock()
    stop.acquire()

    def pour() -> None:
        while not stop.acquire(False):
            try:
                socket.socket.send(there, bytes(65536))
            except OSError:
                return

    weft.native.start_new_thread(pour, ())
    with here, there:
        try:
            with pytest.raises(TimeoutError), weft.timeout(0.1):
                while True:
                    here.recv(65536)
        finally:
            stop.release()


def test_a_permit_or_an_item_is_never_lost() -> None:
    """Cancel at the k-th turn of the scheduler, for every k: whoever waits for an item gets it, or leaves it to the others."""
    for turns in range(12):
        queue: Queue[int] = Queue(1)
        permits = weft.Semaphore(1)
        got: list[int] = []

        def consume(queue: Queue[int] = queue, permits: weft.Semaphore = permits, got: list[int] = got) -> None:
            while True:
                with permits:
                    item = queue.get()
                    got.append(item)
                    weft.sleep(0)

        def produce(queue: Queue[int] = queue) -> None:
            for item in range(6):
                queue.put(item)

        consumers = [weft.spawn(consume) for _ in range(3)]
        producer = weft.spawn(produce)
        for _ in range(turns):
            weft.sleep(0)
        consumers[turns % 3].cancel()
        producer.join()
        while not queue.empty():
            weft.sleep(0)
        for consumer in consumers:
            consumer.cancel()
        weft.joinall(consumers)
        assert got == list(range(6)), turns
        assert permits.acquire(blocking=False), turns


def test_a_condition_takes_its_lock_again_when_the_time_is_over() -> None:
    condition = weft.Condition()
    with condition:
        with pytest.raises(TimeoutError), weft.timeout(0.01):
            condition.wait()
        condition.notify()  # it holds the lock


def test_a_timeout_in_patched_code(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_python(
        """
from weft import monkey
monkey.patch_all()
import os, queue, socket, subprocess, threading, time, urllib.request, weft
def tried(call, *args):
    began = time.monotonic()
    try:
        with weft.timeout(0.1):
            call(*args)
    except TimeoutError as error:
        print(call.__name__, error, time.monotonic() - began < 5)
def child():
    subprocess.run(["sleep", "60"])
def waiting():
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            process.wait()
        finally:
            process.kill()
def download(url):
    urllib.request.urlopen(url, timeout=30).read()
descriptors = len(os.listdir("/proc/self/fd"))
with socket.create_server(("127.0.0.1", 0)) as listener:
    tried(download, "http://127.0.0.1:%d/" % listener.getsockname()[1])
for call in (lambda: time.sleep(60), queue.Queue().get, threading.Event().wait, child, waiting):
    tried(call)
lock = threading.Lock()
with lock:
    tried(lock.acquire)
print(lock.locked(), len(os.listdir("/proc/self/fd")) - descriptors)
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child is left")
"""
    )
    lines = [f"{name} not done within 0.1 seconds True" for name in ("download", "<lambda>", "get", "wait", "child", "waiting", "acquire")]
    assert (done.stdout.splitlines(), done.stderr) == ([*lines, "False 0", "no child is left"], "")
    assert threading.active_count() >= 1


def test_a_scope_of_an_iterator_that_its_consumer_leaves_stays_with_the_iterator() -> None:
    @weft.iterator
    def numbers() -> None:
        with weft.CancelScope() as scope:
            weft.emit(scope)
            weft.emit(2)
            scope.cancel()
            weft.sleep(60)
        weft.emit(3)

    for outer in (weft.move_on_after(60), weft.timeout(60), weft.CancelScope()):
        with outer:
            items = numbers()
            scope = next(items)
            with pytest.raises(RuntimeError, match="reverse order"):
                scope.__exit__(None, None, None)
            assert [*items] == [2, 3]


def test_an_iterator_that_goes_on_outside_of_the_scope_where_it_began() -> None:
    @weft.iterator
    def numbers() -> None:
        with weft.CancelScope():
            for number in range(4):
                weft.emit(number)

    items = numbers()
    with weft.CancelScope():
        assert next(items) == 0
    assert next(items) == 1
    assert weft.spawn(next, items).result() == 2
    with weft.CancelScope(), weft.CancelScope():
        assert next(items) == 3
    assert [*items] == []


def test_an_iterator_that_leaves_its_consumers_scope() -> None:
    outer = weft.CancelScope()

    @weft.iterator
    def numbers() -> None:
        outer.__exit__(None, None, None)
        with weft.CancelScope():
            weft.emit(1)
            weft.emit(2)

    items = numbers()
    with pytest.raises(RuntimeError, match="left already"), outer:
        assert next(items) == 1
    assert [*items] == [2]
    weft.sleep(0)


def test_a_scope_that_was_not_entered_or_was_left_is_not_left() -> None:
    with pytest.raises(RuntimeError, match="not been entered"):
        weft.CancelScope().__exit__(None, None, None)
    with weft.CancelScope() as scope:
        pass
    with pytest.raises(RuntimeError, match="left already"):
        scope.__exit__(None, None, None)


def test_scopes_that_threads_and_tasks_enter_and_leave_as_they_like(
    run_python: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    program = """
    import random
    import threading
    import time
    import weft

    scopes = [weft.CancelScope() for _ in range(2000)]
    chance = random.Random(1)

    def meddle():
        for _ in range(3000):
            scope = chance.choice(scopes)
            try:
                chance.choice([
                    scope.__enter__,
                    lambda: scope.__exit__(None, None, None),
                    scope.cancel,
                    lambda: weft.sleep(0),
                    lambda: setattr(scope, "deadline", time.monotonic()),
                    lambda: setattr(scope, "shield", chance.random() < 0.3),
                    scope.__repr__,
                ])()
            except (RuntimeError, weft.Cancelled):
                pass

    def run():
        tasks = [weft.spawn(meddle) for _ in range(5)]
        for task in tasks:
            task.join()
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("over")
    """
    assert run_python(program).stdout == "over\n"
