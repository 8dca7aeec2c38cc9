"""Real programs that know nothing of weft, a thousand tasks at once, under ``weft run``, against real servers.

Each client asks its server to wait for a second: one after the other that would be a thousand.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.programs import servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

THREADS = """
import sys, threading, time
port = int(sys.argv[1])
answers = []
def main(work, count=1000):
    def one(number): answers.append(work(number))
    began = time.monotonic()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(answers), sorted(answers) == list(range(count)), round(time.monotonic() - began, 1))
"""

PSYCOPG = """
import psycopg
def work(number):
    with psycopg.connect(host="127.0.0.1", port=port, user="weft", dbname="postgres") as connection:
        return connection.execute("select %s::int from pg_sleep(1)", (number,)).fetchone()[0]
"""

REDIS = """
import redis
def work(number):
    client = redis.Redis(port=port)
    client.set(f"key {number}", number)
    assert client.blpop("nothing", 1) is None
    return int(client.get(f"key {number}"))
"""

PYMYSQL = """
import pymysql
def work(number):
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=60, ssl_disabled=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("select sleep(1), %s", (number,))
        return cursor.fetchone()[1]
"""

REQUESTS = """
import requests
def work(number): return int(requests.get(f"http://127.0.0.1:{port}/{number}", timeout=60).text)
"""

URLLIB3 = """
import urllib3
pool = urllib3.PoolManager(maxsize=1000)
def work(number): return int(pool.request("GET", f"http://127.0.0.1:{port}/{number}").data)
"""

SMTPLIB = """
import smtplib
def work(number):
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        refused = client.sendmail(f"{number}@weft.example", ["everybody@weft.example"], f"Subject: {number}\\r\\n\\r\\nhello")
    return number if not refused else -1
"""

SMTP_SERVER = """
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Handler:
    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(1)
        return "250 OK"
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler()), "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await server.serve_forever()
asyncio.run(main())
"""

FLASK = """
import sys, time
from flask import Flask
app = Flask(__name__)
@app.get("/<int:number>")
def page(number):
    time.sleep(1)
    return str(number)
"""

WERKZEUG = """
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
WSGIRequestHandler.log_request = lambda *_: None
ThreadedWSGIServer.request_queue_size = ThreadedWSGIServer.__mro__[1].request_queue_size = 1000
import werkzeug.serving
werkzeug.serving.LISTEN_QUEUE = 1000
ThreadedWSGIServer("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""

WSGIREF = """
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
WSGIRequestHandler.log_message = lambda *_: None
class Server(ThreadingMixIn, WSGIServer): request_queue_size = 1000
make_server("127.0.0.1", int(sys.argv[1]), app, Server).serve_forever()
"""


def thousand(folder: Path, work: str, port: int) -> float:
    """Run `work` in a thousand threads under ``weft run``; all must answer rightly. How many seconds they took."""
    program = folder / "client.py"
    program.write_text(THREADS + work + "main(work)\n")
    command = [sys.executable, "-m", "weft", "run", program, str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("1000 True "), done.stdout + done.stderr[-3000:]
    return float(done.stdout.split()[2])


@contextmanager
def python_server(folder: Path, source: str, *, under_weft: bool) -> Iterator[int]:
    """A server written in Python; its port."""
    program = folder / "server.py"
    program.write_text(source)
    port = servers.free_port()
    how = ["-m", "weft", "run"] if under_weft else []
    command = [sys.executable, *how, str(program), str(port)]
    with servers.started(command, folder, port):
        yield port


def test_psycopg(tmp_path: Path) -> None:
    with servers.postgres(tmp_path) as port:
        assert thousand(tmp_path, PSYCOPG, port) < 60


def test_redis(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as port:
        assert thousand(tmp_path, REDIS, port) < 30


def test_pymysql(tmp_path: Path) -> None:
    with servers.mariadb(tmp_path) as port:
        assert thousand(tmp_path, PYMYSQL, port) < 30


def test_smtplib(tmp_path: Path) -> None:
    with python_server(tmp_path, SMTP_SERVER, under_weft=False) as port:
        assert thousand(tmp_path, SMTPLIB, port) < 30


@pytest.mark.parametrize("server", [WERKZEUG, WSGIREF], ids=["werkzeug", "wsgiref"])
@pytest.mark.parametrize("client", [REQUESTS, URLLIB3], ids=["requests", "urllib3"])
def test_flask_and_its_clients(tmp_path: Path, server: str, client: str) -> None:
    with python_server(tmp_path, FLASK + server, under_weft=True) as port:
        assert thousand(tmp_path, client, port) < 60
        assert threading.active_count() < 10
