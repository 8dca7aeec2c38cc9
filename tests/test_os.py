"""Descriptors, children and standard input after patching: what waits parks its task, and errors are those of ``os``."""

import sys
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
PATCH = "from weft import monkey\nmonkey.patch_all()\nimport errno, os, sys, time, threading, weft\n"


def test_reading_and_writing_a_pipe_parks(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
reader = weft.spawn(os.read, r, 10)
weft.sleep(0.01)
print(reader.done(), os.write(w, b"hello"), reader.result(5))
data = b"x" * 1_000_000
writer = weft.spawn(os.write, w, data)
got = b""
while len(got) < len(data): got += os.read(r, 65536)
print(writer.result(5), got == data)
with os.fdopen(r, "rb") as source, os.fdopen(w, "wb") as sink:
    lines = weft.spawn(source.readlines)
    sink.write(b"one\\ntwo\\n"); sink.close()
    print(lines.result(5))
"""
    )
    assert done.stdout == "False 5 b'hello'\n1000000 True\n[b'one\\n', b'two\\n']\n"


def test_two_tasks_take_turns_with_one_file_object(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
source = os.fdopen(r, "rb")
readers = [weft.spawn(source.readline) for _ in range(10)]
weft.sleep(0.01)
os.write(w, b"".join(b"%d\\n" % number for number in range(10)))
print([reader.result(5) for reader in readers] == [b"%d\\n" % number for number in range(10)])
"""
    )
    assert done.stdout == "True\n"


def test_fdopen_that_refuses_leaves_the_descriptor(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
for mode, options in (("wb", {"encoding": "utf-8"}), ("w", {"buffering": 0})):
    try: os.fdopen(w, mode, **options)
    except ValueError: print("refused")
print(os.write(w, b"still open"))
"""
    )
    assert done.stdout == "refused\nrefused\n10\n"


def test_descriptors_that_do_not_block_and_errors_are_as_ever(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
os.set_blocking(r, False)
for call in (lambda: os.read(r, 1), lambda: os.write(r, b"x"), lambda: os.read(w, 1), lambda: os.read(-1, 1), lambda: os.close(99)):
    try: call()
    except OSError as error: print(errno.errorcode[error.errno])
os.close(w)
print(os.read(r, 1))
print(os.open(os.devnull, os.O_RDONLY) > 0, os.read(os.open("/proc/version", os.O_RDONLY), 5))
"""
    )
    assert done.stdout == "EAGAIN\nEBADF\nEBADF\nEBADF\nEBADF\nb''\nTrue b'Linux'\n"


def test_a_descriptor_closed_under_a_reader(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
reader = weft.spawn(os.read, r, 1)
weft.sleep(0.01)
os.close(r)
print(errno.errorcode[reader.exception(5).errno])
"""
    )
    assert done.stdout == "EBADF\n"


def test_nobody_gives_way_in_the_middle_of_a_fork(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import logging, concurrent.futures.thread  # their locks, and threading's, are taken and made anew at a fork
lock = threading.Lock()
ran = set()
def other():
    while True:
        ran.add(os.getpid())
        weft.sleep(0)
weft.spawn(other)
for taken in range(1000, 1030):  # a task that takes so many without a switch gives way
    time.sleep(0)
    for _ in range(taken):
        with lock: pass
    child = os.fork()
    if child == 0:
        os._exit(os.getpid() in ran)
    assert os.waitpid(child, 0)[1] == 0, taken
print("alone")
"""
    )
    assert done.stdout == "alone\n"


def test_children_are_waited_for_together(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import signal, subprocess
began = time.monotonic()
def child(number):
    return subprocess.run(["sh", "-c", f"sleep 1; exit {number % 7}"]).returncode
tasks = [weft.spawn(child, number) for number in range(100)]
print([task.result() for task in tasks] == [number % 7 for number in range(100)], time.monotonic() - began < 15)
def forked(number):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.2)
        os._exit(number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print([task.result() for task in [weft.spawn(forked, number) for number in range(20)]] == list(range(20)))
killed = subprocess.Popen(["sleep", "60"])
waiting = weft.spawn(killed.wait)
weft.sleep(0.01)
killed.kill()
print(waiting.result(5), weft.spawn(os.system, "exit 3").result() >> 8, subprocess.getoutput("echo read"))
pid = os.spawnlp(os.P_NOWAIT, "true", "true")
print(os.wait() == (pid, 0))
pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
os.kill(pid, signal.SIGSTOP)
print(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
os.kill(pid, signal.SIGKILL)
print(os.wait4(pid, 0)[:2] == (pid, 9))
for call in (os.wait, lambda: os.waitpid(pid, 0), lambda: os.waitid(os.P_ALL, 0, os.WEXITED)):
    try: call()
    except ChildProcessError: print("no child")
""",
        timeout=60,
    )
    assert done.stdout == "True True\nTrue\n-9 3 read\nTrue\nTrue\nTrue\nno child\nno child\nno child\n"


def test_a_process_that_is_no_child_is_not_waited_for(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import subprocess
for call in (lambda: os.waitpid(os.getppid(), 0), lambda: os.wait4(os.getppid(), 0), lambda: os.waitid(os.P_PID, os.getppid(), os.WEXITED)):
    try: print(weft.spawn(call).result(20))
    except ChildProcessError: print("no child", flush=True)
with subprocess.Popen(["sleep", "60"]) as popen:
    pid = os.fork()
    if pid == 0:
        print(weft.spawn(popen.wait).result(20), popen.wait(20), flush=True)
        os._exit(0)
    print(os.waitpid(pid, 0) == (pid, 0))
    popen.kill()
print(popen.returncode)
"""
    )
    assert done.stdout == "no child\nno child\nno child\n0 0\nTrue\n-9\n"


def test_standard_input_parks(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
ticks = []
def tick():
    while True: ticks.append(1); time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
import subprocess
source = f"import sys; sys.path[:] = {sys.path!r}\\n" + '''
from weft import monkey
monkey.patch_all()
import sys, threading, time
ticks = []
def tick():
    while True: ticks.append(1); time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
print(repr(input()), repr(sys.stdin.readline()), repr(sys.stdin.read()), len(ticks) > 10)
'''
with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
    for line in ("first\\n", "second\\n", "the rest"):
        time.sleep(0.2)
        child.stdin.write(line); child.stdin.flush()
    child.stdin.close()
    print(child.stdout.read())
"""
    )
    assert done.stdout == "'first' 'second\\n' 'the rest' True\n\n"


def test_builtin_functions_stay_what_they_are_in_a_class_and_in_a_pickle(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import pickle, select
class Uses:
    read = os.read
    sleep = time.sleep
    select = select.select
r, w = os.pipe()
os.write(w, b"x")
uses = Uses()
print(uses.read(r, 1), uses.sleep(0), uses.select([], [], [], 0))
print([pickle.loads(pickle.dumps(call)) is call for call in (os.read, time.sleep, select.select)])
"""
    )
    assert done.stdout == "b'x' None ([], [], [])\n[True, True, True]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="sendfile to a pipe is Linux's")
def test_sendfile(run_python: Run, tmp_path: object) -> None:
    done = run_python(
        PATCH
        + """
import socket
path = sys.argv[1] + "/file"
open(path, "wb").write(b"x" * 3_000_000)
a, b = socket.socketpair()
def send():
    with open(path, "rb") as file:
        sent = 0
        while sent < 3_000_000: sent += os.sendfile(a.fileno(), file.fileno(), sent, 3_000_000 - sent)
    with open(path, "rb") as file: print(a.sendfile(file))
    a.close()
weft.spawn(send)
got = 0
while chunk := b.recv(100000): got += len(chunk)
print(got)
""",
        str(tmp_path),
    )
    assert done.stdout == "3000000\n6000000\n"


def test_a_replaced_descriptor_ends_old_waits_and_serves_new_ones(run_python: Run) -> None:
    source = """
    from weft import monkey
    monkey.patch_all()
    import errno, os, socket, weft

    first, second = socket.socketpair()
    third, fourth = socket.socketpair()
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    second.send(b"x")
    print(task.result(timeout=30))
    old = weft.spawn(first.recv, 1)
    weft.sleep(0)
    try:
        os.dup2(9999, first.fileno())  # refused: nothing happens
    except OSError as error:
        print(error.errno == errno.EBADF, old.done())
    print(os.dup2(third.fileno(), first.fileno()) == first.fileno())
    new = weft.spawn(first.recv, 10)
    weft.sleep(0)
    fourth.send(b"new")
    print(new.result(timeout=30))
    print(old.exception(timeout=30).errno == errno.EBADF)
    print(os.dup2(third.fileno(), third.fileno()) == third.fileno())
    """
    assert run_python(source).stdout.split("\n")[:-1] == ["b'x'", "True False", "True", "b'new'", "True", "True"]


def test_a_range_of_descriptors_is_closed_under_its_readers(run_python: Run) -> None:
    source = """
    from weft import monkey
    monkey.patch_all()
    import errno, os, weft

    pairs = [os.pipe() for _ in range(3)]
    tasks = [weft.spawn(os.read, reader, 1) for reader, _ in pairs]
    weft.sleep(0)
    os.closerange(pairs[0][0], pairs[2][1] + 1)
    print([task.exception(timeout=30).errno == errno.EBADF for task in tasks])
    os.closerange(10, 5)
    reader, writer = os.pipe()
    task = weft.spawn(os.read, reader, 1)
    weft.sleep(0)
    os.write(writer, b"x")
    print(task.result(timeout=30))
    """
    assert run_python(source).stdout == "[True, True, True]\nb'x'\n"


def test_a_token_pipe_has_one_reader_for_each_token(run_python: Run) -> None:
    source = """
    from weft import monkey
    monkey.patch_all()
    import os, weft

    reader, writer = os.pipe()
    got = []
    tasks = [weft.spawn(lambda: got.append(os.read(reader, 1))) for _ in range(4)]
    files = [os.fdopen(os.dup(reader), "rb", 0) for _ in range(4)]
    tasks += [weft.spawn(lambda file=file: got.append(file.read(1))) for file in files]
    weft.sleep(0)
    for token in range(8):
        os.write(writer, bytes([token]))
        while len(got) <= token:
            weft.sleep(0)  # the others have been woken for nothing
    weft.joinall(tasks, 30)
    print(sorted(got) == [bytes([token]) for token in range(8)])
    """
    assert run_python(source).stdout == "True\n"
