"""The standard library after patching: programs that know nothing of weft, each in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
PATCH = "from weft import monkey\nmonkey.patch_all()\nimport time\nbegan = time.monotonic()\n"


def test_time_sleep_parks(run_python: Run) -> None:
    done = run_python(
        PATCH + "import weft\nweft.joinall([weft.spawn(time.sleep, 0.3) for _ in range(100)])\nprint(time.monotonic() - began)"
    )
    assert float(done.stdout) < 2


def test_a_thousand_threads_are_tasks(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import threading
threads = [threading.Thread(target=time.sleep, args=(0.3,)) for _ in range(1000)]
for thread in threads: thread.start()
assert threading.active_count() == 1001
for thread in threads: thread.join()
print(threading.active_count(), threading.current_thread().name, time.monotonic() - began < 5)
"""
    )
    assert done.stdout == "1 MainThread True\n"


def test_threads_that_are_no_daemons_are_waited_for(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import threading
threading.Thread(target=lambda: (time.sleep(0.1), print("last"))).start()
threading.Thread(target=lambda: (time.sleep(60), print("never")), daemon=True).start()
print("first")
"""
    )
    assert done.stdout == "first\nlast\n"


def test_the_tools_of_threading(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import threading
barrier = threading.Barrier(3)
local = threading.local()
seen = []
def party(number):
    local.number = number
    barrier.wait()
    seen.append(local.number)
threads = [threading.Thread(target=party, args=(number,)) for number in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(seen), hasattr(local, "number"))
event = threading.Event()
threading.Timer(0.05, event.set).start()
print(event.wait(10))
condition = threading.Condition()
def notify():
    with condition: condition.notify_all()
with condition:
    threading.Thread(target=notify).start()
    print(condition.wait(10))
semaphore = threading.BoundedSemaphore(2)
with semaphore, semaphore: print(semaphore.acquire(timeout=0.01))
class Fails(threading.Thread):
    def run(self): raise ValueError("in a thread")
thread = Fails(name="failing"); thread.start(); thread.join()
"""
    )
    assert done.stdout == "[0, 1, 2] False\nTrue\nTrue\nFalse\n"
    assert "Exception in thread failing" in done.stderr
    assert "ValueError: in a thread" in done.stderr


def test_a_thread_pool(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(500) as pool:
    print(sum(pool.map(lambda number: (time.sleep(0.2), number)[1], range(1000))), time.monotonic() - began < 5)
"""
    )
    assert done.stdout == "499500 True\n"


def test_queues(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import queue, threading
for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
    items = kind(2)
    threading.Thread(target=lambda: [items.put(number) for number in range(10)]).start()
    print(sorted(items.get() for _ in range(10)) == list(range(10)))
"""
    )
    assert done.stdout == "True\n" * 3


def test_children(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import subprocess, weft
children = [subprocess.Popen(["sleep", "0.4"]) for _ in range(20)]
ticks = weft.spawn(lambda: [time.sleep(0.01) for _ in range(3)])
print({child.wait() for child in children}, ticks.done(), time.monotonic() - began < 5)
print(subprocess.run(["cat"], input=b"x" * 300_000, capture_output=True).stdout == b"x" * 300_000)
print(subprocess.check_output("echo hello", shell=True, text=True).strip())
try:
    subprocess.run(["sleep", "60"], timeout=0.05)
except subprocess.TimeoutExpired:
    print("timed out")
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
reader = weft.spawn(child.stdout.readline)
time.sleep(0.01)
child.stdin.write("line\\n"); child.stdin.flush()
print(reader.result(timeout=10).strip())
child.kill()
print(child.wait())
child.stdin.close(); child.stdout.close()
"""
    )
    assert done.stdout == "{0} True True\nTrue\nhello\ntimed out\nline\n-9\n"


def test_select_and_selectors(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import os, select, selectors, socket, threading
first, second = socket.socketpair()
def later():
    threading.Timer(0.02, second.send, (b"x",)).start()
later(); print(select.select([first], [], [], 10)[0] == [first]); first.recv(1)
print(select.select([first], [], [], 0.01), select.select([], [second], [], 10)[1] == [second])
poll = select.poll(); poll.register(first, select.POLLIN)
print(poll.poll(10)); later(); print(poll.poll(10_000) == [(first.fileno(), select.POLLIN)]); first.recv(1)
with select.epoll() as epoll:
    epoll.register(first, select.EPOLLIN)
    print(epoll.poll(0.01)); later(); print(epoll.poll(10) == [(first.fileno(), select.EPOLLIN)]); first.recv(1)
for kind in (selectors.DefaultSelector, selectors.SelectSelector, selectors.PollSelector):
    with kind() as selector:
        selector.register(first, selectors.EVENT_READ)
        later(); print(len(selector.select(10))); first.recv(1)
"""
    )
    assert done.stdout == "True\n([], [], []) True\n[]\nTrue\n[]\nTrue\n1\n1\n1\n"


def test_asyncio_runs_beside_tasks(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import asyncio, weft
ticks = weft.spawn(lambda: [time.sleep(0.01) for _ in range(10)])
async def main():
    await asyncio.sleep(0.3)
    return ticks.done()
print(asyncio.run(main()))
"""
    )
    assert done.stdout == "True\n"


def test_a_web_server_and_its_clients(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import http.client, http.server, threading, urllib.request, weft
import requests, urllib3
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.2)
        self.send_response(200); self.send_header("Content-Length", "5"); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 2000
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://localhost:{server.server_port}/"
pool = urllib3.PoolManager(maxsize=300)
def plain():
    with urllib.request.urlopen(url) as response: return response.read()
for fetch in (plain, lambda: requests.get(url).content, lambda: pool.request("GET", url).data):
    began = time.monotonic()
    tasks = [weft.spawn(fetch) for _ in range(200)]
    print({task.result() for task in tasks}, time.monotonic() - began < 10)
pool.clear()
server.shutdown(); server.server_close()
""",
        timeout=55,
    )
    assert done.stdout == "{b'hello'} True\n" * 3


def test_tls_through_the_standard_library(run_python: Run, certificate: tuple[str, str, str]) -> None:
    done = run_python(
        """
import ssl, sys
from ssl import SSLContext                  # taken before patching: it parks all the same
early = ssl.create_default_context(cafile=sys.argv[1])
"""
        + PATCH
        + """
import http.server, threading, urllib.request, weft
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.2)
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 200
    def get_request(self):
        sock, address = super().get_request()
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address
context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
context.minimum_version = ssl.TLSVersion.TLSv1_2
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
def fetch():
    with urllib.request.urlopen(f"https://localhost:{server.server_port}/", context=early) as response: return response.read()
began = time.monotonic()
print({task.result() for task in [weft.spawn(fetch) for _ in range(50)]}, time.monotonic() - began < 5)
server.shutdown(); server.server_close()
""",
        *map(str, certificate),
    )
    assert done.stdout == "{b'hello'} True\n"


def test_patching_late_names_what_came_too_early(run_python: Run, tmp_path: object) -> None:
    done = run_python(
        f"""
import sys, warnings
sys.path.insert(0, {str(tmp_path)!r})
open({str(tmp_path)!r} + "/early.py", "w").write("from time import sleep as nap")
import early
from weft import LatePatchWarning, monkey
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    monkey.patch_all()
    monkey.patch_all()
print([(str(warning.message), warning.category is LatePatchWarning) for warning in caught if "early" in str(warning.message)])
"""
    )
    assert "early.nap (time.sleep)" in done.stdout
    assert done.stdout.count("True") == 1


def test_parts_originals_and_undoing(run_python: Run) -> None:
    run_python("""
import time
from weft import monkey
before = [time.sleep]  # in a list: a bare name would be a late patch, and a warning
with monkey.patched(socket=False, dns=False, ssl=False, select=False, thread=False, queue=False, subprocess=False):
    assert time.sleep is not before[0]
    assert monkey.is_patched("time", "sleep")
    assert not monkey.is_patched("socket")
    assert monkey.get_original("time", "sleep") is before[0]
assert time.sleep is before[0]
assert not monkey.is_patched("time")
try:
    monkey.get_original("time", "nap")
except AttributeError:
    pass
else:
    raise AssertionError
""")


def test_the_real_primitives_stay_within_reach(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
from weft import native
assert native.sleep is monkey.get_original("time", "sleep") is not time.sleep
import _thread, select
assert native.start_new_thread is not _thread.start_new_thread
assert native.select is not select.select
import weft
answers = weft.SimpleQueue()
native.start_new_thread(lambda: (native.sleep(0.05), answers.put(native.get_ident())), ())
ticks = weft.spawn(lambda: [weft.sleep(0.005) for _ in range(3)])
assert answers.get() != native.get_ident()
assert ticks.done()
"""
    )
    assert done.returncode == 0


def test_an_idle_thread_of_a_pool_is_used_again(run_python: Run) -> None:
    done = run_python("""
from weft import monkey
monkey.patch_all()
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(4)
print([executor.submit(pow, 2, number).result() for number in range(5)], len(executor._threads))
executor.shutdown()
""")
    assert done.stdout == "[1, 2, 4, 8, 16] 1\n"


LAZY = """
lazy from concurrent.futures import ThreadPoolExecutor
lazy from queue import SimpleQueue
lazy from socket import socket
from weft import monkey
monkey.patch_all()
import weft.socket
print(SimpleQueue is weft.SimpleQueue, socket is weft.socket.socket)
with ThreadPoolExecutor() as pool: print(pool.submit(weft.current_task).result() is not weft.current_task())
"""


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports came with 3.15")
@pytest.mark.parametrize("mode", ["normal", "all"])
def test_a_lazy_name_resolves_to_what_parks(mode: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(LAZY)
    done = subprocess.run([sys.executable, "-X", f"lazy_imports={mode}", program], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr) == ("True True\nTrue\n", "")
