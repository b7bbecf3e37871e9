"""`mlflow models serve` in an environment that has the required packages, and vaeline not among them."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.small import labels, shown
from tests.support.stored import store
from vaeline.serving import load
from vaeline.serving.exporting import export_model

pytestmark = [pytest.mark.package, pytest.mark.xdist_group("package")]

UVICORN = "#!{python}\nimport sys\nfrom uvicorn.main import main\nsys.exit(main())\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """An environment that borrows this one's packages, but not the .pth files that lead to the repository."""
    root = tmp_path_factory.mktemp("alone") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    (site_packages,) = root.glob("lib/python*/site-packages")
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    uvicorn = root / "bin" / "uvicorn"
    uvicorn.write_text(UVICORN.format(python=root / "bin" / "python"))
    uvicorn.chmod(0o755)
    found = subprocess.run([root / "bin" / "python", "-c", "import vaeline"], cwd=root, capture_output=True)
    assert b"No module named 'vaeline'" in found.stderr
    return root


@contextlib.contextmanager
def serve(environment: Path, model: Path) -> Iterator[str]:
    """Yields the address at which a model answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [environment / "bin" / "python", "-m", "mlflow", "models", "serve", "-m", model]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MLFLOW", "VIRTUAL_ENV"))}
    kept |= {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = environment / "serve.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=environment, env=kept, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while server.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping"):
                break
            time.sleep(0.2)
        assert server.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait()


def ask(address: str, rows: list[dict[str, Any]], **params: Any) -> tuple[int, dict[str, Any]]:
    """Returns status and content of the answer."""
    body = json.dumps({"dataframe_records": rows, "params": params}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_served_alone_it_encodes_reconstructs_samples_and_scores(environment, tmp_path):
    store(tmp_path / "best.pt", model={"name": "conditional"})
    export_model(str(tmp_path / "best.pt"), "mlflow", tmp_path / "served")
    x, y = shown(3).numpy(), labels()[:3]
    rows = [{"image": image, "label": int(label)} for image, label in zip(x.tolist(), y, strict=True)]
    with serve(environment, tmp_path / "served") as address:
        status, encoded = ask(address, rows, method="encode")
        assert status == 200
        expected = load(tmp_path / "best.pt").encode(x, y)
        np.testing.assert_allclose(encoded["predictions"], expected, rtol=1e-5, atol=1e-6)
        reconstructed = ask(address, rows, method="reconstruct")[1]["predictions"]
        assert np.shape(reconstructed) == x.shape
        sampled = [
            ask(address, [{"label": 3}] * 2, method="sample", seed=1)[1]["predictions"] for _ in range(2)
        ]
        assert np.shape(sampled[0]) == (2, 1, 8, 8)
        assert sampled[0] == sampled[1]
        scores = ask(address, rows, method="score", k=5)[1]["predictions"]
        assert {"elbo", "iwae", "iwae_se", "distortion", "rate"} <= scores[0].keys()
        assert len(scores) == 3
        status, wrong = ask(address, [{"image": x[0].tolist()}], method="encode")
        assert status == 400
        assert wrong["message"] == "this model is conditioned on labels: give 1, each from 0 to 9"
