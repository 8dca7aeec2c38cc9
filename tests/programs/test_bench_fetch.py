"""The fetchers' benchmark runs, against Debian's nginx; what it measures is nothing for a test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import servers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("work", "row"), [*(("fetch", row) for row in range(4)), ("fetch_scale", 0), ("fetch_scale", 1), ("fetch_workers", 1)]
)
def test_weft_fetches(work: str, row: int) -> None:
    nginx, environment = servers.program("nginx-light", "usr/sbin/nginx")
    environment |= {"BENCH_SMOKE": "1", "PATH": f"{nginx.parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", f"bench.{work}", "weft", str(row)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] > 0
