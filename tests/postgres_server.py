"""A PostgreSQL server of a test's own, where the machine has one installed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from strongroom.chain.anvil import free_port
from strongroom.database import open_engine
from strongroom.settings import ConfigError

START_S = 120  # on a busy machine


def installed():
    """Whether there is a server that can be started."""
    return shutil.which("initdb") is not None


@contextmanager
def postgres_server():
    """Run a server; yield its URL. It refuses root, so that root starts it as nobody."""
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="strongroom-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, "nobody")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **user}
    data = folder / "data"
    subprocess.run(["initdb", "-D", data, "-A", "trust", "-U", "keeper"], check=True, **quiet)
    port = free_port()
    command = ["postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "fsync=off"]
    process = subprocess.Popen(command, **quiet)
    url = f"postgresql://keeper:secret@127.0.0.1:{port}/postgres?sslmode=disable"
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                open_engine(url).dispose()
                break
            except ConfigError:
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # does not wait for open sessions
        process.wait(20)
        shutil.rmtree(folder)


def fresh_database(server, name="journal"):
    """Return the URL of a database that nobody has written to."""
    engine = open_engine(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")
