"""What goes wrong in practice, after patching: each task gets the standard library's own error, nobody else is harmed, nothing leaks."""

from collections.abc import Callable
from subprocess import CompletedProcess

Run = Callable[..., CompletedProcess[str]]
PATCH = """
from weft import monkey
monkey.patch_all()
import errno, os, resource, signal, socket, struct, subprocess, sys, threading, time, weft
def descriptors(): return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))
def name(error): return type(error).__name__
ticks = []
def tick():
    while True: ticks.append(1); time.sleep(0.01)
weft.spawn(tick)
time.sleep(0)
"""


def test_a_peer_that_resets_in_the_middle_of_a_read(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
before = descriptors()
with socket.create_server(("127.0.0.1", 0)) as listener:
    def one():
        client = socket.create_connection(listener.getsockname())
        with client:
            try: return client.recv(100), client.recv(100)
            except OSError as error: return name(error)
    tasks = [weft.spawn(one) for _ in range(50)]
    for number in range(50):
        peer, _ = listener.accept()
        peer.send(b"half")
        if number % 2: peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.002)
        peer.close()
    print(sorted({str(task.result(5)) for task in tasks}))
print(descriptors() - before)
"""
    )
    assert done.stdout == "[\"(b'half', b'')\", 'ConnectionResetError']\n0\n"


def test_half_closed_connections(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
a, b = socket.socketpair()
b.shutdown(socket.SHUT_WR)
print(a.recv(10), a.send(b"still open this way"), b.recv(100))
a.close()
try:
    while True: b.send(b"x" * 65536)
except OSError as error: print(name(error))
"""
    )
    assert done.stdout == "b'' 19 b'still open this way'\nBrokenPipeError\n"


def test_a_descriptor_that_is_closed_under_its_waiters(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
before = descriptors()
a, b = socket.socketpair()
listener = socket.create_server(("127.0.0.1", 0))
r, w = os.pipe()
waiting = [weft.spawn(a.recv, 1), weft.spawn(listener.accept), weft.spawn(os.read, r, 1)]
other = weft.spawn(b.recv, 1)
time.sleep(0.01)
number = a.fileno()
a.close(); listener.close(); os.close(r)
print([errno.errorcode[task.exception(5).errno] for task in waiting], other.result(5))
c, d = socket.socketpair()  # the same numbers again: nobody is confused
d.send(b"x")
print(number in (c.fileno(), d.fileno()), c.recv(1))
for one in (b, c, d): one.close()
os.close(w)
print(descriptors() - before)
"""
    )
    assert done.stdout == "['EBADF', 'EBADF', 'EBADF'] b''\nTrue b'x'\n0\n"


def test_too_many_open_files(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
before = descriptors()
fill = [os.open(os.devnull, os.O_RDONLY)]
resource.setrlimit(resource.RLIMIT_NOFILE, (fill[0] + 2, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
accepted = []
def serve():
    while len(accepted) < 3:
        try: accepted.append(listener.accept()[0])
        except OSError as error:
            print(errno.errorcode[error.errno], len(accepted))
            os.close(fill.pop())
            resource.setrlimit(resource.RLIMIT_NOFILE, (before + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
server = weft.spawn(serve)
print(server.join(10), len(accepted), len(ticks) > 0)
"""
    )
    assert done.stdout.splitlines()[0].startswith("EMFILE ")
    assert done.stdout.splitlines()[-1] == "True 3 True"


def test_names_that_are_not_answered(run_python: Run) -> None:
    done = run_python(
        """
        import _socket
        from weft import monkey, native
        real = _socket.getaddrinfo
        def slow(host, *rest):
            if host == "slow.invalid":
                native.sleep(1)  # a resolver that times out, on a thread of the pool for names
                raise _socket.gaierror(-3, "Temporary failure in name resolution")
            return real(host, *rest)
        _socket.getaddrinfo = slow
        import socket
        monkey.patch_all()
        import time as clock, weft
        began = clock.monotonic()
        tasks = [weft.spawn(socket.create_connection, ("slow.invalid", 80)) for _ in range(10)]
        clock.sleep(0.01)
        print(weft.offload(len, "abc"), socket.getaddrinfo("127.0.0.1", 80)[0][4], clock.monotonic() - began < 0.9)
        tasks[0].cancel()
        tasks[0].join()
        print(tasks[0].cancelled(), clock.monotonic() - began < 0.9)
        print({type(task.exception(10)).__name__ for task in tasks[1:]}, clock.monotonic() - began < 5)
        """
    )
    assert done.stdout == "3 ('127.0.0.1', 80) True\nTrue True\n{'gaierror'} True\n"


def test_a_child_that_is_killed(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
before = descriptors()
children = [subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(20)]
waiting = [weft.spawn(child.communicate, b"x" * 100_000) for child in children]
time.sleep(0.05)
for child in children: child.kill()
print({task.result(10) for task in waiting}, {child.returncode for child in children})
try: subprocess.run(["sleep", "60"], timeout=0.05)
except subprocess.TimeoutExpired as error: print(name(error))
print(descriptors() - before)
"""
    )
    assert done.stdout == "{(b'', None)} {-9}\nTimeoutExpired\n0\n"


def test_a_fork_while_a_thousand_tasks_are_parked(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
before = descriptors()
pairs = [socket.socketpair() for _ in range(100)]
readers = [weft.spawn(a.recv, 1) for a, _ in pairs]
sleepers = [weft.spawn(time.sleep, 0.5) for _ in range(900)]
time.sleep(0.01)
def fork():
    pid = os.fork()
    if pid == 0:
        time.sleep(0.01)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = weft.spawn(socket.create_connection, listener.getsockname())
            listener.accept()[0].close()
            client.result(5).close()
        print("the child works", threading.active_count(), flush=True)
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(weft.spawn(fork).result(20))
for _, b in pairs: b.send(b"x")
print({task.result(5) for task in readers}, len(weft.joinall(sleepers, 10)))
for pair in pairs:
    for end in pair: end.close()
print(descriptors() - before)
"""
    )
    assert done.stdout == "the child works 1\n7\n{b'x'} 900\n0\n"
