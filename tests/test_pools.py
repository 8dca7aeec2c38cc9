"""Pools and executors: the interface of multiprocessing.pool and of concurrent.futures, over tasks."""

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Iterator

import pytest

import weft
import weft.native
from weft.maps import Results


def double(number: int, turns: int = 1) -> int:
    for _ in range(turns):
        weft.sleep(0)
    return number * 2


def fail(error: BaseException) -> None:
    raise error


def test_the_methods_of_a_pool() -> None:
    told = []
    with weft.Pool(3) as pool:
        assert pool.map(double, range(10)) == [number * 2 for number in range(10)]
        assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
        assert sorted(pool.imap_unordered(double, range(5))) == [0, 2, 4, 6, 8]
        assert list(itertools.islice(pool.imap(double, itertools.count()), 3)) == [0, 2, 4]
        assert pool.apply(double, (5,), {"turns": 2}) == 10
        result = pool.apply_async(double, (1,), callback=told.append)
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        result.wait()
        assert (result.ready(), result.successful(), result.get(), told) == (True, True, 2, [2])
        error = KeyError("failed")
        wrong = pool.apply_async(fail, (error,), error_callback=told.append)
        with pytest.raises(KeyError):
            wrong.get()
        assert (wrong.successful(), told) == (False, [2, error])
        with pytest.raises(TimeoutError):
            pool.apply_async(weft.sleep, (60,)).get(timeout=0.001)
        pool.terminate()
    for use in (lambda: pool.apply(double, (1,)), lambda: pool.map(double, [1])):
        with pytest.raises((ValueError, RuntimeError)):
            use()


def outcomes(results: Results[int]) -> list[object]:
    """Return what an iterator gives, its errors included."""
    given: list[object] = []
    while True:
        try:
            given.append(next(results))
        except StopIteration:
            return given
        except (ZeroDivisionError, RuntimeError) as error:
            given.append(type(error))


def test_imap_goes_on_after_a_call_that_failed() -> None:
    with weft.Pool(2) as pool:
        assert outcomes(pool.imap(lambda number: 1 // number, [0, 1, 0, 1, 0])) == [ZeroDivisionError, 1] * 2 + [ZeroDivisionError]
        assert outcomes(pool.imap(lambda item: next(iter([])), [1, 2])) == [RuntimeError] * 2
        found = outcomes(pool.imap_unordered(lambda number: 1 // number, [0, 1] * 20))
        assert (found.count(1), found.count(ZeroDivisionError)) == (20, 20)


def test_an_input_of_imap_that_fails_ends_it_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with weft.Pool(2) as pool:
        assert outcomes(pool.imap(double, items())) == [2, ZeroDivisionError]


def test_next_of_imap_has_a_timeout_and_loses_nothing() -> None:
    with weft.Pool(2) as pool:
        results = pool.imap(lambda seconds: weft.sleep(seconds) or seconds, [0.05, 0])
        with pytest.raises(TimeoutError):
            results.next(timeout=0.001)
        assert [results.next(), results.next(60)] == [0.05, 0]
        with pytest.raises(StopIteration):
            results.next(timeout=0)


def test_a_call_is_over_when_its_callback_has_returned(caplog: pytest.LogCaptureFixture) -> None:
    told = []

    def slowly(outcome: object) -> None:
        weft.sleep(0.01)
        told.append(outcome)
        raise RuntimeError("of the callback")

    error = KeyError("failed")
    with weft.Pool(1) as pool:
        assert pool.apply_async(double, (1,), callback=slowly, error_callback=told.append).get() == 2
        assert told == [2]
        with pytest.raises(KeyError):
            pool.apply_async(fail, (error,), callback=told.append, error_callback=slowly).get()
        assert told == [2, error]
    assert caplog.text.count("RuntimeError: of the callback") == 2


def test_a_pool_is_one_limit_for_all() -> None:
    running = most = 0

    def work(_: object = None) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        weft.sleep(0)
        running -= 1

    with weft.Pool(4) as pool:
        results = [pool.apply_async(work) for _ in range(20)]
        tasks = [weft.spawn(pool.map, work, range(20)) for _ in range(3)]
        weft.joinall(tasks)
        for result in results:
            result.get()
    assert most == 4


def test_leaving_a_pool_waits_for_all_and_an_error_cancels_them() -> None:
    done = []
    with weft.Pool(2) as pool:
        for number in range(5):
            pool.apply_async(lambda number: done.append(double(number)), (number,))
    assert sorted(done) == [0, 2, 4, 6, 8]
    with pytest.raises(KeyError), weft.Pool(2) as pool:
        waiting = [pool.apply_async(weft.sleep, (60,)) for _ in range(5)]
        weft.sleep(0)
        raise KeyError
    for result in waiting:
        with pytest.raises(concurrent.futures.CancelledError):
            result.get()
    with pytest.raises(ValueError, match="still open"):
        weft.Pool(1).join()
    with pytest.raises(ValueError, match="at least 1"):
        weft.Pool(0)


def test_the_executor_of_the_standard_library() -> None:
    with weft.Executor(2) as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        assert list(executor.map(double, range(4))) == [0, 2, 4, 6]
        future = executor.submit(double, 4, turns=2)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result() == 8
        assert isinstance(executor.submit(fail, KeyError()).exception(), KeyError)
        futures = [executor.submit(double, number) for number in range(5)]
        assert [futures[4].cancel(), futures[4].cancelled()] == [True, True]
    assert [future.result() for future in futures[:4]] == [0, 2, 4, 6]
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(double, 1)
    executor = weft.Executor(1)
    futures = [executor.submit(double, number) for number in range(3)]
    executor.shutdown(cancel_futures=True)
    assert [future.cancelled() for future in futures] == [True, True, True]
    with pytest.raises(ValueError, match="greater than 0"):
        weft.Executor(0)


def test_no_more_workers_than_allowed() -> None:
    running = most = 0

    def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        weft.sleep(0)
        running -= 1

    for limit, expected in ((3, 3), (None, 10)):
        most = 0
        with weft.Executor(limit) as executor:
            for _ in range(10):
                executor.submit(work)
        assert most == expected


def test_a_call_whose_task_is_cancelled_leaves_the_others_their_turn() -> None:
    with weft.Executor(1) as executor:
        first = executor.submit(lambda: (weft.current_task().cancel(), weft.sleep(0)))
        others = [executor.submit(double, number) for number in range(3)]
    with pytest.raises(concurrent.futures.CancelledError):
        first.result()
    assert [future.result() for future in others] == [0, 2, 4]


def test_calls_from_many_threads_are_all_made() -> None:
    with weft.Executor(2) as executor:
        submitted: weft.Queue[concurrent.futures.Future[int]] = weft.Queue()

        def submit() -> None:
            for number in range(200):
                submitted.put(executor.submit(double, number))

        for _ in range(4):
            weft.native.start_new_thread(submit, ())
        results = [submitted.get(timeout=30).result(timeout=30) for _ in range(800)]
    assert sorted(results) == sorted(4 * [number * 2 for number in range(200)])


def test_asyncio_on_another_thread_runs_calls_in_tasks_of_this_one() -> None:
    executor = weft.Executor()
    here = threading.get_ident()

    def work(number: int) -> tuple[int, bool]:
        return double(number), threading.get_ident() == here

    async def main() -> list[tuple[int, bool]]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, work, number) for number in range(5)))

    assert weft.offload(asyncio.run, main()) == [(number * 2, True) for number in range(5)]
    executor.shutdown()


def test_a_thread_that_has_ended_runs_nothing() -> None:
    made: weft.SimpleQueue[weft.Executor] = weft.SimpleQueue()
    weft.native.start_new_thread(lambda: made.put(weft.Executor()), ())
    executor = made.get()
    with pytest.raises(RuntimeError, match="has ended"):
        while True:
            executor.submit(double, 1)
            weft.sleep(0.01)
