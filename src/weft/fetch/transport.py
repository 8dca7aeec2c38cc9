"""libcurl, driven by weft: many transfers at once, each a blocking call of its task.

libcurl tells which descriptors it waits for, and for how long (``CURLMOPT_SOCKETFUNCTION``, ``CURLMOPT_TIMERFUNCTION``). One task, the
driver, waits for them in an epoll object and tells libcurl what happened (``curl_multi_socket_action``). It lives while a transfer does.

Invariants:
- Nothing that libcurl calls back switches tasks, or is written in Python (callbacks.pyx says why).
- A transfer that is abandoned (timeout, cancellation) is taken out of libcurl before its task goes on.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import pycurl

import weft
from weft import native
from weft.fetch.callbacks import Watch
from weft.select import POLLIN, POLLOUT, poll

__all__ = ["Transport"]

Events = list[tuple[int, int]]
IDLE = 3600.0  # seconds to wait when libcurl has named no moment
BATCH = 256


class Transfer:
    """One handle on its way."""

    __slots__ = ("code", "ended", "reason")

    def __init__(self) -> None:
        self.ended = weft.Event()
        self.code = 0
        self.reason = ""


class Transport:
    """Connections that are kept and shared by transfers; belongs to one OS thread."""

    def __init__(self, connections: int = 100) -> None:
        """`connections`: how many idle ones are kept."""
        self.poller, self.poll = make_poller()
        self.watch = Watch(self.poller, POLLIN, POLLOUT)
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self.watch.set_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self.watch.set_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.transfers: dict[pycurl.Curl, Transfer] = {}
        self.parked_until = float("-inf")  # the driver waits until then; -inf while it runs
        self.driver: weft.Task[None] | None = None
        self.inner, self.outer = os.pipe()
        os.set_blocking(self.inner, False)
        os.set_blocking(self.outer, False)
        self.poller.register(self.inner, POLLIN)

    def close(self) -> None:
        """Close every connection; the tasks of transfers must have ended."""
        if self.driver is not None:
            self.driver.cancel()
            self.driver.join()
        self.multi.close()
        if hasattr(self.poller, "close"):
            self.poller.close()
        os.close(self.inner)
        os.close(self.outer)

    def perform(self, curl: pycurl.Curl) -> tuple[int, str]:
        """Run a prepared handle, parked until it ends. Returns libcurl's error number, 0 for none, and its words."""
        transfer = Transfer()
        self.transfers[curl] = transfer
        try:
            self.multi.add_handle(curl)
            if self.driver is None:
                self.driver = weft.spawn(self.drive)
                self.driver.name = "fetch driver"
            elif self.watch.deadline < self.parked_until:
                self.ring()
            transfer.ended.wait()
            return transfer.code, transfer.reason
        finally:
            self.transfers.pop(curl, None)
            try:
                self.multi.remove_handle(curl)
            except pycurl.error:  # it was interrupted before it came in
                pass
            if not self.transfers:
                self.ring()

    def ring(self) -> None:
        """Let the driver look at what has changed, if it waits."""
        if self.parked_until > float("-inf"):
            os.write(self.outer, b"\0")
            self.parked_until = float("-inf")

    def drive(self) -> None:
        """Tell libcurl what happens, until no transfer is left."""
        try:
            while self.transfers:
                left = min(max(self.watch.deadline - time.monotonic(), 0), IDLE)
                events: Events = []
                if left:
                    self.parked_until = time.monotonic() + left
                    events = self.poll(left)
                    self.parked_until = float("-inf")
                for number, happened in events:
                    if number == self.inner:
                        os.read(self.inner, BATCH)
                        continue
                    mask = pycurl.CSELECT_IN if happened & ~POLLOUT else 0
                    if happened & POLLOUT:
                        mask |= pycurl.CSELECT_OUT
                    self.multi.socket_action(number, mask)
                if self.watch.deadline <= time.monotonic():
                    self.watch.deadline = float("inf")
                    self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
                if self.collect():
                    weft.sleep(0)  # their tasks go on first, and perhaps nothing is left
        except BaseException as error:
            for transfer in self.transfers.values():
                transfer.code, transfer.reason = pycurl.E_FAILED_INIT, f"the transport failed: {error!r}"
                transfer.ended.set()
            raise
        finally:
            self.driver = None

    def collect(self) -> bool:
        """Wake the tasks whose transfers have ended; true if there are any."""
        queued = 1
        found = False
        while queued:
            queued, ended, failed = self.multi.info_read()
            found = found or bool(ended or failed)
            for curl in ended:
                self.transfers[curl].ended.set()
            for curl, code, reason in failed:
                transfer = self.transfers[curl]
                transfer.code, transfer.reason = code, reason or curl.errstr()
                transfer.ended.set()
        return found


def make_poller() -> tuple[Any, Callable[[float], Events]]:
    """What the platform has to watch descriptors with, and how to wait in it for so many seconds, parked."""
    if native.epoll is None:
        descriptors = poll()
        return descriptors, lambda seconds: descriptors.poll(seconds * 1000)
    epoll = native.epoll()

    def wait(seconds: float) -> Events:
        events: Events = epoll.poll(0, BATCH)
        if not events and seconds:
            try:
                weft.wait_readable(epoll.fileno(), seconds)
            except TimeoutError:
                return []
            events = epoll.poll(0, BATCH)
        return events

    return epoll, wait
