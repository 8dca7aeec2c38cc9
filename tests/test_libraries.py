"""A patched program keeps what other people's libraries and test-suites rely on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from weft.demo.certificate import Certificate

Run = Callable[..., CompletedProcess[str]]
PATCH = "from weft import monkey\nmonkey.patch_all()\n"


def test_types_and_functions_say_what_the_standard_ones_say(run_python: Run) -> None:
    program = """
import _thread, os, queue, select, socket, ssl, threading, time
kinds = [threading.Lock(), threading.RLock(), threading.local(), queue.SimpleQueue(), socket.socket(), select.poll(), select.epoll()]
print([(type(one).__module__, type(one).__qualname__) for one in kinds])
print([(f.__module__, f.__name__) for f in (time.sleep, os.read, os.fork, select.select, socket.getaddrinfo, input, open)])
"""
    assert run_python(PATCH + program).stdout == run_python(program).stdout


def test_unpatched_types_have_their_own_names_again(run_python: Run) -> None:
    done = run_python(PATCH + "monkey.unpatch_all(); import weft, weft.socket; print(weft.RLock, weft.Lock, weft.socket.socket)")
    assert done.stdout == "<class 'weft._core.sync.RLock'> <class 'weft._core.sync.Lock'> <class 'weft.socket.socket'>\n"


def test_a_thread_begins_in_an_empty_context_as_the_running_python_says(run_python: Run) -> None:
    program = """
import concurrent.futures, contextvars, threading
variable = contextvars.ContextVar("variable", default="default")
variable.set("set by main")
def show(): print(variable.get(), end=" ")
for thread in (threading.Thread(target=show), threading.Timer(0, show)):
    thread.start(); thread.join()
with concurrent.futures.ThreadPoolExecutor(1) as pool: pool.submit(show).result()
done = threading.Event()
import _thread
_thread.start_new_thread(lambda: (show(), done.set()), ())
done.wait()
"""
    assert run_python(PATCH + program).stdout == run_python(program).stdout
    assert run_python(PATCH + "import weft\n" + program + "weft.spawn(show).join()").stdout.endswith("set by main ")


def test_to_thread_has_a_thread(run_python: Run) -> None:
    """A call of C that blocks holds up its own thread alone; the loop, and the tasks beside it, go on."""
    done = run_python(
        PATCH
        + """
import asyncio, threading, weft, weft.native
ticks = []
async def tick():
    while True:
        ticks.append(1)
        await asyncio.sleep(0.01)
async def main():
    beside = asyncio.create_task(tick())
    await asyncio.to_thread(weft.native.sleep, 0.2)
    await asyncio.get_running_loop().run_in_executor(None, weft.native.sleep, 0.1)
    name = await asyncio.to_thread(lambda: threading.current_thread().name)
    print(len(ticks) > 5, name.startswith("asyncio"))
    beside.cancel()
asyncio.run(main())
"""
    )
    assert done.stdout == "True True\n"


def test_native_executors_have_threads_if_asked_for(run_python: Run) -> None:
    program = """
import concurrent.futures, weft.native
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    print(pool.submit(weft.native.get_ident).result() != weft.native.get_ident(), end=" ")
monkey.unpatch_all()
print(concurrent.futures.ThreadPoolExecutor.__module__)
"""
    assert run_python(PATCH + program).stdout == "False concurrent.futures.thread\n"
    asked = "from weft import monkey\nmonkey.patch_all(native_executors=True)\n"
    assert run_python(asked + program).stdout == "True concurrent.futures.thread\n"


def test_uvloop_is_asyncios_loop_and_says_so(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import asyncio, uvloop
async def main():
    print(await asyncio.to_thread(str.upper, "done"))
uvloop.run(main())
loop = uvloop.new_event_loop()
print(isinstance(loop, uvloop.Loop), isinstance(loop, asyncio.SelectorEventLoop))
loop.close()
"""
    )
    assert done.stdout == "DONE\nTrue True\n"
    assert done.stderr.count("uvloop cannot run beside weft's tasks") == 1


def test_pyopenssl_parks(run_python: Run, certificate: Certificate) -> None:
    """Both ends in one thread: a handshake, a read and a write that blocked in C would never end."""
    done = run_python(
        PATCH
        + """
import socket, ssl, sys, threading
from OpenSSL import SSL
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    with context.wrap_socket(listener.accept()[0], server_side=True) as tls:
        size = 0
        while size < 3_000_000: size += len(tls.recv(65536))
        tls.sendall(b"%d" % size)
threading.Thread(target=serve).start()
client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), socket.create_connection(listener.getsockname()))
client.set_connect_state()
client.do_handshake()
client.sendall(b"x" * 3_000_000)
print(client.recv(100))
""",
        str(certificate.chain),
        str(certificate.key),
    )
    assert done.stdout == "b'3000000'\n"


@pytest.mark.parametrize("call", ["open(r)", "open(r, 'rb')", "open(file=r)", "os.fdopen(r)", "__import__('io').open(r)"])
def test_a_pipes_descriptor_that_is_opened_parks(run_python: Run, call: str) -> None:
    done = run_python(
        PATCH
        + f"""
import os, threading, time
r, w = os.pipe()
file = {call}
def write():
    time.sleep(0.05)
    os.write(w, b"hello\\n")
threading.Thread(target=write).start()
print(file.readline().strip(), end="")
file.close()
"""
    )
    assert done.stdout in ("hello", "b'hello'")


def test_open_is_otherwise_the_standard_one(run_python: Run) -> None:
    program = """
import io, pickle, sys
class Holder: opener = open
print(open is io.open, pickle.loads(pickle.dumps(open)) is open, Holder().opener(sys.argv[1]).readline())
for words in ((-1,), (2**70,), (None,), (0, "zz"), (0, "rw"), (sys.argv[1], "rbt"), (99999,)):
    try: open(*words)
    except Exception as error: print(type(error).__name__, error)
"""
    path = str(Path(__file__))
    assert run_python(PATCH + program, path).stdout == run_python(program, path).stdout


def test_select_takes_any_descriptor(run_python: Run) -> None:
    """select(2) stops at 1,024; a patched program waits by epoll."""
    done = run_python(
        PATCH
        + """
import os, resource, select, socket, threading
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
kept = [os.dup(0) for _ in range(1100)]
a, b = socket.socketpair()
print(a.fileno() > 1024, select.select([a], [b], [a, b], 0) == ([], [b], []), select.select([a], [], [], 0.01) == ([], [], []))
threading.Timer(0.05, b.send, (b"x",)).start()
print(select.select([a, a], [], [], 10) == ([a, a], [], []))
b.close()
print(select.select([a.fileno()], [a], [], 1) == ([a.fileno()], [a], []))
number = a.fileno()
a.close()
for wrong in (number, -1, "x", 2**40):
    try: select.select([wrong, kept[-1]], [], [], 0)
    except Exception as error: print(type(error).__name__)
"""
    )
    assert done.stdout == "True True True\nTrue\nTrue\nOSError\nValueError\nTypeError\nOverflowError\n"


NAMES = ["x" * 64 + ".example", "a..b", "\udc80x", "\xe9" * 70, "a\0b", ".", b"\xff\xfe", ".example", "xn--\u2603", "\ufb00..x"]


def test_names_that_cannot_be_encoded_are_the_standard_librarys_errors(run_python: Run) -> None:
    program = f"""
import socket
for name in {NAMES!r}:
    for family in (socket.AF_INET, socket.AF_INET6):
        for call in ("connect", "connect_ex", "bind", "sendto", "sendmsg"):
            kind = socket.SOCK_DGRAM if call.startswith("send") else socket.SOCK_STREAM
            before = dict(sendto=(b"x",), sendmsg=([b"x"], [], 0)).get(call, ())
            with socket.socket(family, kind) as sock:
                try: print(getattr(sock, call)(*before, (name, 80)))
                except Exception as error: print(type(error).__name__, error.args)
"""
    assert run_python(PATCH + program, timeout=120).stdout == run_python(program, timeout=120).stdout


def test_a_port_out_of_range_is_the_standard_librarys_error(run_python: Run) -> None:
    program = """
import socket
for host in ("localhost", "127.0.0.1"):
    for call in ("bind", "connect", "connect_ex"):
        for port in (-1, 65536):
            with socket.socket() as sock:
                try: getattr(sock, call)((host, port))
                except Exception as error: print(type(error).__name__)
"""
    assert run_python(PATCH + program).stdout == run_python(program).stdout


def test_a_librarys_error_in_the_place_of_a_cancellation_is_a_timeout(run_python: Run) -> None:
    """urllib3's pool puts back what it never took when a BaseException passes, and raises FullPoolError."""
    done = run_python(
        """
        import weft
        class FullPoolError(Exception): pass
        def request():
            try: weft.sleep(10)
            finally: raise FullPoolError("full")
        try:
            with weft.timeout(0.01): request()
        except TimeoutError as error: print(type(error).__name__, repr(error.__cause__))
        try:
            with weft.timeout(10): raise FullPoolError("its own")
        except FullPoolError as error: print(error)
        try:
            with weft.timeout(0.01):
                try: weft.sleep(1)
                except weft.Cancelled: pass
                raise FullPoolError("after it")
        except FullPoolError as error: print(error)
        with weft.move_on_after(0.01) as scope:
            try: request()
            except FullPoolError as error: print("caught", error)
        try:
            with weft.timeout(10) as scope:
                scope.cancel()
                request()
        except FullPoolError as error: print("cancelled:", error)
        """
    )
    assert done.stdout == "TimeoutError FullPoolError('full')\nits own\nafter it\ncaught full\ncancelled: full\n"


def test_the_pytest_plugin_rewrites_no_package_that_is_imported(tmp_path: Path) -> None:
    """Under ``weft run`` weft is imported before pytest: with ``filterwarnings = error`` that must not be an error."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_one.py").write_text("def test_one(): assert True\n")
    command = [sys.executable, "-m", "weft", "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "warning" not in done.stdout


def test_gevent_is_found_by_the_program_alone(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "library.py").write_text("import gevent\n")
    (tmp_path / "program.py").write_text(
        f"""
import importlib, importlib.util, sys
sys.path.insert(0, {str(tmp_path / "site-packages")!r})
print(importlib.util.find_spec("gevent"))
try: import library
except ImportError as error: print(error)
print(importlib.import_module("gevent").__version__.count("."))
from gevent import monkey
"""
    )
    command = [sys.executable, "-m", "weft", "run"]
    done = subprocess.run([*command, str(tmp_path / "program.py")], capture_output=True, text=True, timeout=60)
    assert done.stdout == "None\nNo module named 'gevent'\n2\n", done.stderr
    done = subprocess.run([*command, "--as-gevent", str(tmp_path / "program.py")], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("ModuleSpec(name='gevent'")


@pytest.mark.parametrize(("module", "saved"), [("gevent.monkey", "saved"), ("eventlet.patcher", "already_patched")])
def test_patching_beside_another_library_is_refused(run_python: Run, module: str, saved: str) -> None:
    done = run_python(
        f"""
        import sys, types
        other = sys.modules[{module!r}] = types.ModuleType({module!r})
        from weft import monkey
        other.{saved} = {{"time": True}}
        try: monkey.patch_all()
        except RuntimeError as error: print(error)
        print(monkey.is_patched("time"))
        """
    )
    assert "has patched this process" in done.stdout
    assert done.stdout.endswith("False\n")


def test_an_unclosed_socket_is_told_where_the_standard_library_tells_of_it(run_python: Run) -> None:
    program = """
import gc, http.client, http.server, threading, warnings
warnings.simplefilter("always")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
shown = []
warnings.showwarning = lambda message, category, *_: shown.append(category.__name__)
def get():
    client = http.client.HTTPConnection("127.0.0.1", server.server_port)
    client.request("GET", "/"); client.getresponse().read()
get(); gc.collect()
print(shown)
"""
    assert run_python(PATCH + program).stdout == run_python(program).stdout == "['ResourceWarning']\n"


def test_trio_runs_alone_and_in_threads(run_python: Run) -> None:
    """trio asserts that the class of an RLock says that it comes from ``_thread``."""
    done = run_python(
        PATCH
        + """
import queue, threading, trio
tokens = queue.Queue()
async def main():
    tokens.put(trio.lowlevel.current_trio_token())
    await trio.sleep(0.2)
async def answer(): return await trio.to_thread.run_sync(lambda: 41)
print(trio.run(answer))
thread = threading.Thread(target=trio.run, args=(main,))
thread.start()
print(trio.from_thread.run_sync(lambda: 42, trio_token=tokens.get()))
thread.join()
"""
    )
    assert done.stdout == "41\n42\n"


def test_anyios_portal_runs_a_loop_beside_the_callers(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import anyio
from anyio.from_thread import start_blocking_portal
async def plus(number): return number + 1
async def main():
    with start_blocking_portal("asyncio") as portal: return portal.call(plus, 1)
print(anyio.run(main))
"""
    )
    assert done.stdout == "2\n"
