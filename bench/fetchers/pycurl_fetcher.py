"""Bare: nothing is kept but the count of bytes, no header is read, no time is asked for. multi_socket over epoll."""

import select
import time
from typing import Any

import pycurl


def fetch(urls: list[str], certificate: str) -> int:
    epoll = select.epoll()
    multi = pycurl.CurlMulti()
    watched: set[int] = set()
    deadline = [0.0]
    size = [0]

    def changed(what: int, number: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if number in watched:
                watched.discard(number)
                epoll.unregister(number)
            return
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        if number in watched:
            epoll.modify(number, events)
        else:
            watched.add(number)
            epoll.register(number, events)

    def timer(milliseconds: int) -> None:
        deadline[0] = time.monotonic() + milliseconds / 1000 if milliseconds >= 0 else float("inf")

    def write(chunk: bytes) -> None:
        size[0] += len(chunk)

    multi.setopt(pycurl.M_SOCKETFUNCTION, changed)
    multi.setopt(pycurl.M_TIMERFUNCTION, timer)
    multi.setopt(pycurl.M_MAXCONNECTS, 200)

    def handle() -> Any:
        curl = pycurl.Curl()
        curl.setopt(pycurl.WRITEFUNCTION, write)
        curl.setopt(pycurl.CAINFO, certificate)
        curl.setopt(pycurl.PIPEWAIT, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        return curl

    left = iter(urls)
    active = 0
    for _ in range(min(200, len(urls))):
        curl = handle()
        curl.setopt(pycurl.URL, next(left))
        multi.add_handle(curl)
        active += 1
    while active:
        wait = max(min(deadline[0] - time.monotonic(), 3600), 0)
        events = epoll.poll(wait)
        for number, happened in events:
            mask = (pycurl.CSELECT_IN if happened & ~select.EPOLLOUT else 0) | (pycurl.CSELECT_OUT if happened & select.EPOLLOUT else 0)
            multi.socket_action(number, mask)
        if deadline[0] <= time.monotonic():
            deadline[0] = float("inf")
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        queued = 1
        while queued:
            queued, ended, failed = multi.info_read()
            assert not failed, failed
            for curl in ended:
                multi.remove_handle(curl)
                following = next(left, None)
                if following is None:
                    active -= 1
                else:
                    curl.setopt(pycurl.URL, following)
                    multi.add_handle(curl)
    return size[0]
