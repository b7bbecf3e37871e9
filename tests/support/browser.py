"""Headless Chromium, and the pages that `vaeline ui` and `vaeline explore` serve."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no browser: `apt-get install chromium` (as root) installs one"
SECONDS = 300  # allowed for a page or the server, on a busy machine
# Closes the assistant, which otherwise opens at the first visit.
QUIET = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""


def installed() -> str:
    """Returns the path of a Chromium, or "" if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), "")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yields the installed browser, controlled by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page, the errors in its console, and the addresses that it requested."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def visit(browser: Any, address: str, first: str = "", **screen: Any) -> Iterator[Visit]:
    """Opens `address` in a new profile; the script `first` runs before the page's own."""
    context = browser.new_context(**screen)
    context.add_init_script(first)
    page = context.new_page()
    page.set_default_timeout(1000 * SECONDS)
    visited = Visit(page)
    page.on("console", lambda line: visited.errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: visited.errors.append(str(error)))
    page.on("request", lambda request: visited.requests.append(request.url))
    page.goto(address)
    yield visited
    context.close()  # or it would keep polling the server


@contextmanager
def ui(root: Path) -> Iterator[dict[str, str]]:
    """Yields the addresses that are printed for the store in `root`, once its server answers."""
    with served("ui", root=root) as (server, address):
        printed = dict(server.stdout.readline().strip().split(": ") for _ in range(2))
        _await(server, f"{address}/health")
        yield printed


@contextmanager
def explore(checkpoint: Path, root: Path) -> Iterator[str]:
    """Yields the address of the page of a model, as `vaeline explore` serves it in the folder `root`."""
    with served("explore", str(checkpoint), root=root) as (server, address):
        _await(server, address)
        yield address


@contextmanager
def served(*command: str, root: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """Yields the process of a `vaeline` command that serves, and its address at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would take itself to be under test
    server = subprocess.Popen(
        [sys.executable, "-c", "from vaeline.cli import main; main()", *command, "--port", str(port)],
        cwd=root,
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # so that its workers end with it
    )
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # it only reads; a milder signal would wait for its visitors
        server.wait()


def _await(server: subprocess.Popen, address: str) -> None:
    for _ in range(2 * SECONDS):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(address)
            return
        except urllib.error.URLError:
            time.sleep(0.5)
    raise TimeoutError(f"{address}: no answer in {SECONDS} s")
