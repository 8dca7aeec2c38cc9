"""Every work, under the name by which it is asked for."""

from bench import basics, clients, echo, fetch, fetch_scale, fetch_workers, files, memory, million, startup, threaded, tls, web
from bench.work import Work

WORKS: dict[str, Work] = {
    "tasks": basics.WORK,
    "memory": memory.WORK,
    "million": million.WORK,
    "echo": echo.WORK,
    "tls": tls.WORK,
    "web": web.WORK,
    "threaded": threaded.WORK,
    "clients": clients.WORK,
    "files": files.WORK,
    "startup": startup.WORK,
    "fetch": fetch.WORK,
    "fetch_scale": fetch_scale.WORK,
    "fetch_workers": fetch_workers.WORK,
}
