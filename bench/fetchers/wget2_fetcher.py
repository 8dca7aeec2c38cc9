import os
import subprocess
import tempfile


def fetch(urls: list[str], certificate: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "urls")
        with open(path, "w") as file:
            file.write("\n".join(urls) + "\n")
        target = os.path.join(folder, "bodies")
        command = ["wget2", "-q", "--no-config", "--no-hsts", "--max-threads=200", f"--ca-certificate={certificate}"]
        subprocess.run([*command, "-i", path, "-O", target], check=True, env={**os.environ, "HOME": folder})
        return os.path.getsize(target)
