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
