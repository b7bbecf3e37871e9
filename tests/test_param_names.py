"""Names that no param may have."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from dvc_data.hashfile.meta import Meta

from tests.conftest import ROOT
from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import validated
from vaeline.core.yaml import read_yaml

IGNORED = {Meta.PARAM_SIZE, Meta.PARAM_NFILES}
"""DVC's run cache leaves params of these names, at any depth, out of its key (treeverse/dvc#10296).

Experiments that differ in such a param alone would share their results.
"""
FILES = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]


def names(values: Any) -> Iterator[str]:
    for key, value in values.items() if isinstance(values, Mapping) else ():
        yield key
        yield from names(value)


def test_dvc_ignores_the_names_that_are_known():
    assert {"size", "nfiles"} == IGNORED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_param_of_a_file_has_a_name_that_dvc_ignores(path):
    assert not IGNORED & set(names(read_yaml(path)))


def test_no_option_of_any_part_has_a_name_that_dvc_ignores():
    assert not IGNORED & set(names(ExperimentConfig().to_dict()))


@pytest.mark.parametrize("part", ["omniglot", "celeba", "image_folder"])
def test_the_former_name_of_an_option_is_answered_with_its_name(part):
    line = rf"unknown key 'data.{part}.size' \(did you mean 'side'\?\)"
    with pytest.raises(VaelineError, match=line):
        validated(ExperimentConfig, {"data": {part: {"size": 20}}})
