"""`candlegraph studio` as a person starts it, on a port of its own and without a network."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def offline():
    """Return the environment without keys, and with a proxy that refuses: what leaves loopback fails, and is told."""
    hidden = ("LANGSMITH_API_KEY", "OPENAI_API_KEY", "CANDLEGRAPH_API_KEY")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    return env


@contextmanager
def studio(folder):
    """Serve the graphs over the books in `folder`/user; yield the address."""
    port = free_port()
    words = ["studio", "--userdir", str(folder / "user"), "--port", str(port)]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "candlegraph"), *words],
        cwd=folder,
        env=offline(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = [process.stdout.readline() for _ in range(3)]
        assert process.poll() is None, told
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
