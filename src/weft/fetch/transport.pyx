# cython: language_level=3, binding=False
"""libcurl, driven by weft: many transfers at once, each a blocking call of its task.

libcurl searches all connections to a host for an idle one: 200 of them were a sixth of a page's cost, 10,000 would be nearly all of it. So
the transfers to one host are spread over several Multis, SHARE at a time. Those that may share a connection (HTTP/2) stay in the first.

libcurl tells which descriptors it waits for, and for how long (``CURLMOPT_SOCKETFUNCTION``, ``CURLMOPT_TIMERFUNCTION``). One task, the
driver, waits for them in an epoll object and tells libcurl what happened (``curl_multi_socket_action``). It lives while a transfer does.

Invariants:
- Nothing that libcurl calls back switches tasks, or is written in Python (handle.pyx says why).
- A transfer that is abandoned (timeout, cancellation) is taken out of libcurl before its task goes on.
"""

import os
import time

import pycurl

import weft
from weft import native
from weft.select import POLLIN, POLLOUT, poll

from weft.fetch.handle cimport Handle
from weft.fetch.multi cimport Multi

cdef double IDLE = 3600.0  # seconds to wait when libcurl has named no moment
cdef double RUNNING = float("-inf")
cdef int BATCH = 256
cdef int SHARE = 32  # transfers to one host in one Multi
cdef int CSELECT_IN = pycurl.CSELECT_IN
cdef int CSELECT_OUT = pycurl.CSELECT_OUT
cdef int READABLE = POLLIN
cdef int WRITABLE = POLLOUT
cdef int SOCKET_TIMEOUT = pycurl.SOCKET_TIMEOUT
cdef object monotonic = time.monotonic


cdef class Host:
    """How many transfers to a host each Multi has, while there are any."""

    cdef list counts
    cdef int active
    cdef bint spread

    def __init__(self, spread):
        self.counts = [0]
        self.spread = spread

    cdef int enter(self):
        """Take a place; returns the number of its Multi."""
        cdef int place = 0
        self.active += 1
        if self.spread:
            while place < len(self.counts) and <int>self.counts[place] >= SHARE:
                place += 1
            if place == len(self.counts):
                self.counts.append(0)
        self.counts[place] += 1
        return place


cdef class Transport:
    """Connections that are kept and shared by transfers; belongs to one OS thread."""

    cdef list multis
    cdef dict owners  # descriptor: Multi
    cdef dict hosts
    cdef object poller
    cdef object poll
    cdef object driver
    cdef long connections
    cdef int active
    cdef bint closed
    cdef double parked_until  # the driver waits until then; RUNNING while it does not
    cdef int inner
    cdef int outer

    def __init__(self, connections=100):
        """`connections`: how many idle ones are kept."""
        self.poller, self.poll = make_poller()
        self.owners = {}
        self.multis = [Multi(self.poller, POLLIN, POLLOUT, connections, self.owners)]
        self.hosts = {}
        self.connections = connections
        self.parked_until = RUNNING
        self.inner, self.outer = os.pipe()
        os.set_blocking(self.inner, False)
        os.set_blocking(self.outer, False)
        self.poller.register(self.inner, POLLIN)

    def close(self) -> None:
        """Close every connection. Who still waits for a transfer sees it fail."""
        self.closed = True
        if self.driver is not None:
            with weft.CancelScope(shield=True):  # whoever closes may be cancelled itself
                self.driver.cancel()
                self.driver.join()
        for multi in self.multis:
            multi.close()
        if self.inner < 0:
            return
        if hasattr(self.poller, "close"):
            self.poller.close()
        os.close(self.inner)
        os.close(self.outer)
        self.inner = self.outer = -1

    def perform(self, Handle handle not None, str authority, bint single, double patience=0, sink=None) -> None:
        """Run a prepared handle, parked until it ends.

        `authority`: the host and port; `single`: they take a connection for each transfer, as plain HTTP does. `patience`: TimeoutError if
        the answer has not begun after so many seconds (0: no limit). ``sink(bytes)`` takes what has come of a body that is not held whole.
        """
        if self.closed:
            raise ValueError("the fetcher is closed")
        host = <Host>self.hosts.get(authority)
        if host is None:
            host = self.hosts[authority] = Host(single)
        cdef int place = host.enter()
        multi = self.multi(place)
        self.active += 1
        try:
            multi.add(handle)
            if self.driver is None:
                self.driver = weft.spawn(self.drive)
                self.driver.name = "fetch driver"
            elif multi.deadline < self.parked_until:
                self.ring()
            if patience and not handle.news.wait(patience) and not handle.head_size:
                raise TimeoutError
            while True:
                handle.news.wait()
                if handle.done:
                    break
                handle.news.clear()
                sink(handle.take())
                handle.resume()
                if multi.deadline < self.parked_until:
                    self.ring()
            if handle.failure is not None:
                raise handle.failure
            if not host.spread and handle.http in (1, 2):
                host.spread = True
        finally:
            multi.remove(handle)
            host.counts[place] -= 1
            host.active -= 1
            self.active -= 1
            if not host.active:
                self.hosts.pop(authority, None)
            if not self.active:
                self.ring()

    cdef Multi multi(self, int place):
        """The Multi of that number; the last one if no more can be made: it takes descriptors, which may be all in use."""
        if place == len(self.multis):
            try:
                self.multis.append(Multi(self.poller, POLLIN, POLLOUT, self.connections, self.owners))
            except MemoryError:
                pass
        return <Multi>self.multis[min(place, len(self.multis) - 1)]

    cdef ring(self):
        """Let the driver look at what has changed, if it waits."""
        if self.parked_until > RUNNING:
            os.write(self.outer, b"\0")
            self.parked_until = RUNNING

    def drive(self) -> None:
        """Tell libcurl what happens, until no transfer is left."""
        cdef double left, now
        cdef int number, happened, what
        cdef bint found
        cdef Multi multi
        try:
            while self.active and not self.closed:
                now = monotonic()
                left = IDLE
                for multi in self.multis:
                    left = min(left, multi.deadline - now)
                events = ()
                if left > 0:
                    self.parked_until = now + left
                    events = self.poll(left)
                    self.parked_until = RUNNING
                for number, happened in events:
                    if number == self.inner:
                        os.read(number, BATCH)
                        continue
                    multi = self.owners.get(number)
                    if multi is None:  # an earlier event of this batch has closed it
                        continue
                    what = CSELECT_IN if happened & ~WRITABLE else 0
                    if happened & WRITABLE:
                        what |= CSELECT_OUT
                    multi.act(number, what)
                now = monotonic()
                found = False
                for multi in self.multis:
                    if multi.deadline <= now:
                        multi.deadline = float("inf")
                        multi.act(SOCKET_TIMEOUT, 0)
                    if multi.collect():
                        found = True
                if found:
                    weft.sleep(0)  # their tasks go on first, and perhaps nothing is left
        except BaseException as error:
            for multi in self.multis:
                multi.fail(pycurl.E_FAILED_INIT, f"the transport failed: {error!r}")
            raise
        finally:
            self.driver = None


def make_poller():
    """What the platform has to watch descriptors with, and how to wait in it for so many seconds, parked."""
    if native.epoll is None:
        descriptors = poll()
        return descriptors, lambda seconds: descriptors.poll(seconds * 1000)
    epoll = native.epoll()

    def wait(seconds):
        events = epoll.poll(0, BATCH)
        if not events and seconds:
            try:
                weft.wait_readable(epoll.fileno(), seconds)
            except TimeoutError:
                return ()
            events = epoll.poll(0, BATCH)
        return events

    return epoll, wait
