"""A Postgres server of our own on loopback, for as long as a test session lasts, from Debian's packages."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

USER = "candlegraph"


def programs() -> Path | None:
    """Return the folder of the newest server's programs; None where Postgres is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def served(folder: Path):
    """Yield the SQLAlchemy URL of a fresh server whose files lie in `folder`."""
    bin_, data, port = programs(), folder / "data", free_port()
    assert bin_ is not None, "ask programs() first"
    own(folder)
    run([bin_ / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8"], folder)
    start(folder, port)
    try:
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
    finally:
        stop(folder)


def start(folder, port):
    """Start the server whose files lie in `folder`."""
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    run([programs() / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start"], folder)


def stop(folder):
    """Stop the server at once, as a power cut would; one that is down stays down."""
    if (folder / "data" / "postmaster.pid").exists():
        run([programs() / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"], folder)


@contextmanager
def served_somewhere():
    """Yield the URL of a fresh server in a folder of its own: pytest's are closed to Postgres' user."""
    with tempfile.TemporaryDirectory(prefix="candlegraph_pg_") as name, served(Path(name)) as url:
        yield url


def run(command, folder):
    """Run a program of Postgres, which refuses to be root."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"


def own(folder):
    """Give the folder to the user that the server runs as."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
