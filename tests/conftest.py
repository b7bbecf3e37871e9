"""What every test starts from: a fixed seed, and torch as it was before the test."""

import atexit
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # see stages/__init__.py
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers have the cores among them
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # or two processes import torch to compile

import torch

gc.disable()  # among all that is imported there is no garbage; on again when the tests are collected

# What starts the tests in the background (`&`, nohup) has them, and all that they start, ignore signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parents[1]

# The same few examples at every run, without a clock; many new ones: pytest --hypothesis-profile=long
hypothesis.settings.register_profile(
    "few", derandomize=True, database=None, max_examples=25, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("few"), derandomize=False, max_examples=2000
)
hypothesis.settings.load_profile("few")


def pytest_configure(config: pytest.Config) -> None:
    """Declares pytest-xdist's marker, so that the tests run without it too."""
    config.addinivalue_line("markers", "xdist_group(name): runs in the worker of that group (pytest-xdist)")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """One more than the cores that this process may use: tests wait for servers and for processes.

    A worker takes up to 2 GB.
    """
    import joblib

    return min(4, joblib.cpu_count() + 1)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share a fixture of their module in one worker, so that it is made once."""
    for item in items:
        if isinstance(item, pytest.Function) and not item.get_closest_marker("xdist_group"):
            fixtures = item._fixtureinfo.name2fixturedefs.values()
            if "module" in {definitions[-1].scope for definitions in fixtures}:
                item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))


def pytest_collection_finish() -> None:
    """Spares the garbage collector the million objects of imported packages, which all live to the end."""
    gc.collect()
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # some packages complain of what is left at the end


@pytest.fixture(autouse=True)
def _same_noise_whatever_ran_before() -> Iterator[None]:
    torch.manual_seed(0)
    mode = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.set_deterministic_debug_mode(mode)
    torch.utils.deterministic.fill_uninitialized_memory = fill


@pytest.fixture
def traced(monkeypatch) -> None:
    """Lets a step be traced and differentiated as one graph, but makes no C++ of it, which takes long."""
    from vaeline.evaluation.compiling.library import Library

    @torch.no_grad()
    def run(self: Library, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        return self.module(*inputs)

    monkeypatch.setattr(Library, "load", lambda self: setattr(self, "module", self.traced()))
    monkeypatch.setattr(Library, "__call__", run)


@pytest.fixture
def at_the_root(monkeypatch) -> Path:
    """Runs the test in the repository's root, as DVC runs a stage."""
    monkeypatch.chdir(ROOT)
    return ROOT


@pytest.fixture
def full_disk(monkeypatch, tmp_path) -> None:
    """Makes every file that vaeline.core.files opens one that has no space left, by the kernel's own word."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    numbers = iter(range(1000))

    def without_space(**_: object) -> tuple[int, str]:
        link = tmp_path / f"no_space_{next(numbers)}"
        link.symlink_to("/dev/full")
        return os.open(link, os.O_WRONLY), str(link)

    monkeypatch.setattr("vaeline.core.files.tempfile.mkstemp", without_space)


@pytest.fixture(scope="session")
def empty(tmp_path_factory) -> Path:
    """An MLflow database with its tables, which takes seconds to make."""
    from vaeline.tracking.runs import database  # imports mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    database._make(path)
    return path


@pytest.fixture
def committed(tmp_path, monkeypatch) -> None:
    """Runs the test in a small repository, with the results of a run committed."""
    from tests.support.committed import results  # imports torch

    monkeypatch.chdir(tmp_path)
    results()
