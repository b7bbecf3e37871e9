"""Clones of the project that the tests of the pipeline share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.warm import warm_packages


@pytest.hookimpl(tryfirst=True)  # before the workers look at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share a clone or the warm process in one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            group = "warm" if "warm" in item.fixturenames else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def clone_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Clone]:
    return lambda name: Clone.make(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def warm() -> Iterator[dict[str, str]]:
    """The environment in which a stage does not import torch again."""
    with warm_packages() as environment:
        yield environment


@pytest.fixture(scope="session")
def reproduced(clone_of: Callable[[str], Clone], warm: dict[str, str]) -> Clone:
    """A clone in which `dvc repro` has run once, and whose results are committed."""
    clone = clone_of("reproduced")
    clone.environment |= warm
    clone.first = clone.run("dvc", "repro")
    clone.commit("results")
    return clone
