"""asyncio's works under uvloop's loop."""

import uvloop

from bench.toolkits import asyncio_works
from bench.toolkits.asyncio_works import *  # noqa: F403  # the same lines

asyncio_works.run = uvloop.run
