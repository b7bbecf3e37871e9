"""Two processes train and evaluate as one does."""

import csv
import json
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.pipeline

STAGES = ("train", "evaluate")


def ran_alone(clone):
    for stage in ("prepare", "check", *STAGES):
        clone.run(sys.executable, "-m", f"stages.{stage}")
    return results(clone)


def ran_by_two(clone):
    """The training starts as a user's does, the evaluation as on two hosts by another launcher."""
    clone.run(sys.executable, "-m", "stages.train", NPROC="2")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with ThreadPoolExecutor() as pool:
        command = (sys.executable, "-m", "stages.evaluate")
        list(pool.map(lambda rank: clone.run(*command, RANK=rank, **meeting), ("0", "1")))
    return results(clone)


def results(clone):
    """Returns the training's rows and the metrics of all stages."""
    with (clone.root / "outputs/train/history.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return rows, {name: json.loads(text) for name, text in clone.metrics().items() if name in STAGES}


@pytest.fixture(scope="module")
def clone(clone_of, warm):
    """Batches of 100 leave a last one that two processes cannot share evenly; free bits look at all of it."""
    clone = clone_of("processes")
    clone.environment |= warm
    clone.environment["OMP_NUM_THREADS"] = "1"  # as each of two has it: threads round in their own ways
    params = (clone.root / "params.yaml").read_text()
    for old, new in {"batch_size: 128": "batch_size: 101", "free_bits: 0.0": "free_bits: 0.05"}.items():
        assert old in params
        params = params.replace(old, new)
    (clone.root / "params.yaml").write_text(params)
    return clone


def test_two_processes_train_and_evaluate_as_one_does(clone):
    alone, metrics = ran_alone(clone)
    shutil.rmtree(clone.root / ".scratch")  # it has the finished training, which would be published again
    shared, both = ran_by_two(clone)
    assert len(clone.runs()) == 2
    for one, other in zip(alone, shared, strict=True):
        assert other == pytest.approx(one, rel=1e-4)
    for stage in STAGES:
        numbers = {name: v for name, v in metrics[stage].items() if isinstance(v, float)}
        assert {name: both[stage][name] for name in numbers} == pytest.approx(numbers, rel=1e-3, abs=1e-6)
        assert both[stage].keys() == metrics[stage].keys()


def test_nproc_that_is_no_number_is_refused(clone):
    failed = clone.run(sys.executable, "-m", "stages.train", ok=False, NPROC="two")
    assert failed.stderr == "train: NPROC = 'two' is not a number of processes: use 1 or more\n"
