"""``select`` and its pollers, and a platform that has no epoll."""

import select as standard
import socket
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft
from weft import select

Run = Callable[..., CompletedProcess[str]]


def test_select_parks_and_tells_who_is_ready() -> None:
    a, b = socket.socketpair()
    with a, b:
        assert select.select([a], [b], [], 0) == ([], [b], [])
        waiting = weft.spawn(select.select, [a], [], [a])
        weft.sleep(0.01)
        assert not waiting.done()
        b.send(b"x")
        assert waiting.result(5) == ([a], [], [])
        assert select.select([b], [], [], 0.01) == ([], [], [])


def test_poll_parks_and_has_the_limits_of_the_standard_one() -> None:
    a, b = socket.socketpair()
    with a, b:
        poll = select.poll()
        poll.register(a, select.POLLIN)
        assert poll.poll(10) == []
        waiting = weft.spawn(poll.poll)
        weft.sleep(0.01)
        with pytest.raises(RuntimeError, match="concurrent"):
            poll.poll(10)
        b.send(b"x")
        assert waiting.result(5) == [(a.fileno(), select.POLLIN)]
        with pytest.raises(OverflowError):
            poll.poll(2**60)  # 3.15 takes more than the system does
        with pytest.raises(TypeError):
            type(poll)()


@pytest.mark.skipif(not hasattr(standard, "epoll"), reason="this platform has no epoll")
def test_epoll_parks() -> None:
    a, b = socket.socketpair()
    with a, b, select.epoll() as epoll:
        epoll.register(a, select.EPOLLIN)
        assert epoll.poll(0.01) == []
        waiting = weft.spawn(epoll.poll)
        weft.sleep(0.01)
        b.send(b"x")
        assert waiting.result(5) == [(a.fileno(), select.EPOLLIN)]


def test_a_platform_without_epoll(run_python: Run, site: str) -> None:
    done = run_python(
        """
        import select, sys
        for name in [name for name in vars(select) if name.lower().startswith("epoll")]:
            delattr(select, name)
        from weft import monkey
        monkey.patch_all()
        import selectors, socket, weft, weft.fetch
        a, b = socket.socketpair()
        poll = select.poll()
        poll.register(a, select.POLLIN)
        waiting = [weft.spawn(poll.poll), weft.spawn(select.select, [a], [], [])]
        weft.sleep(0.01)
        b.send(b"x")
        print([bool(task.result(5)[0]) for task in waiting], select.select([b], [], [], 0.01))
        print(selectors.DefaultSelector.__name__, weft.fetch.get(sys.argv[1] + "/bytes/10").size)
        """,
        site,
        WEFT_POLLER="poll",
    )
    assert done.stdout == "[True, True] ([], [], [])\nPollSelector 10\n"


def test_an_epoll_object_that_is_nested_as_deep_as_the_system_allows() -> None:
    first, second = socket.socketpair()
    nested = [select.epoll()]
    nested[0].register(first.fileno(), select.EPOLLIN)
    try:
        for _ in range(10):
            outer = select.epoll()
            nested.append(outer)
            outer.register(nested[-2].fileno(), select.EPOLLIN)
    except OSError:
        nested.pop().close()  # one more is too deep
    last = nested[-1]
    poll = select.poll()
    poll.register(last.fileno(), select.POLLIN)
    waits = (lambda: last.poll(20), lambda: select.select([last.fileno()], [], [], 20)[0], lambda: poll.poll(20_000))
    with first, second:
        assert last.poll(0.01) == []
        for wait in waits:
            task = weft.spawn(wait)
            weft.sleep(0.01)
            assert not task.done()
            second.send(b"x")
            assert task.result(30)
            first.recv(1)
        task = weft.spawn(last.poll)
        weft.sleep(0.01)
        last.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            task.result(30)
        for epoll in nested:
            epoll.close()
