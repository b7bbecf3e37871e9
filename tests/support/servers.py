"""Real servers on this machine, that can be killed and started again: PostgreSQL, S3 and MLflow."""

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy

LOCAL = "127.0.0.1"
POSTGRES = "/usr/lib/postgresql"
SERVER_UP = 600  # seconds that a server may take to start, on a busy machine


def free_port() -> int:
    """Returns a port on which nothing listens."""
    with socket.socket() as opened:
        opened.bind((LOCAL, 0))
        port: int = opened.getsockname()[1]
        return port


class HttpServer:
    """A program that answers at a port of this machine.

    Args:
        command: the program, which is given `--port`.
        health: the path of a page that it answers when it is up.
        environment: variables besides those of this process.
    """

    def __init__(self, command: Sequence[str], health: str, environment: Mapping[str, str]) -> None:
        port = free_port()
        self.address = f"http://{LOCAL}:{port}"
        self._health = self.address + health
        self._command = [*command, "--port", str(port)]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        with tempfile.TemporaryFile("w+") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, start_new_session=True, stdout=log, stderr=log
            )
            for _ in range(10 * SERVER_UP):
                with contextlib.suppress(OSError), urllib.request.urlopen(self._health, timeout=5):
                    return
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
            log.seek(0)
            raise RuntimeError(f"{' '.join(self._command)} did not answer: {log.read()[-2000:]}")

    def kill(self) -> None:
        """Kills it with everything that it started."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()


class MlflowServer(HttpServer):
    """A server of MLflow.

    Args:
        database: the address of its store.
        artifacts: where it keeps files: a folder, or a bucket.
        options: further options of `mlflow server`.
        environment: further variables.
    """

    def __init__(
        self,
        database: str,
        artifacts: Path | str,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", LOCAL, "--workers", "1"),
            *("--backend-store-uri", database, "--artifacts-destination", str(artifacts), *options),
        ]
        variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **(environment or {})}
        super().__init__(command, "/health", variables)


@contextlib.contextmanager
def object_store(*buckets: str) -> Iterator[dict[str, str]]:
    """Yields the variables by which programs find an S3 server of its own, with these buckets.

    It is moto's, in memory, and answers any credentials.
    """
    server = HttpServer(["moto_server", "-H", LOCAL], "/moto-api/", {})
    server.start()
    try:
        for bucket in buckets:
            request = urllib.request.Request(f"{server.address}/{bucket}", method="PUT")
            request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=team/20260101/us-east-1/s3/x")
            urllib.request.urlopen(request, timeout=60)
        yield {
            "AWS_ENDPOINT_URL": server.address,
            "AWS_ACCESS_KEY_ID": "team",
            "AWS_SECRET_ACCESS_KEY": "hidden-key",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.kill()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yields the address of a database in a PostgreSQL server of its own; needs root."""
    (binaries,) = sorted(Path(POSTGRES).glob("*/bin"))[-1:]
    port, folder = str(free_port()), Path(tempfile.mkdtemp(prefix="vaeline-postgres-"))
    shutil.chown(folder, "postgres")
    as_postgres = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd="/")
    control = ["runuser", "-u", "postgres", "--", f"{binaries}/pg_ctl", "-D", f"{folder}/data", "-w"]
    as_postgres(
        ["runuser", "-u", "postgres", "--", f"{binaries}/initdb", "-A", "trust", "-D", f"{folder}/data"]
    )
    options = f"-p {port} -c listen_addresses={LOCAL} -k {folder}"
    as_postgres([*control, "-o", options, "-l", f"{folder}/log", "start"])
    try:
        yield f"postgresql+psycopg2://postgres@{LOCAL}:{port}/postgres"
    finally:
        as_postgres([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def further_database(address: str, name: str) -> str:
    """Returns the address of a new database in the server of the one at `address`."""
    with sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT").connect() as opened:
        opened.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    return f"{address.rpartition('/')[0]}/{name}"
