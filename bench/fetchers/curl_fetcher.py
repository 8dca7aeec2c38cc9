"""curl -Z, from a file that names every URL."""

import subprocess
import tempfile


def fetch(urls: list[str], certificate: str) -> int:
    with tempfile.NamedTemporaryFile("w") as config:
        config.writelines(f'url = "{url}"\noutput = /dev/null\n' for url in urls)
        config.flush()
        command = ["curl", "-Z", "--parallel-max", "200", "-s", "--cacert", certificate, "-w", "%{size_download}\n", "-K", config.name]
        return sum(map(int, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()))
