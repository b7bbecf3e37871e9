import shlex

import pytest
from dvc.utils.hydra import apply_overrides

from vaeline.core.params import read_yaml
from vaeline.provenance.commands import exp_run_command


@pytest.mark.parametrize("value", [4, 0.25, 1e-5, True, None, "vamp", "a b, c=1: 'd'", ["x", "y"], []])
def test_pasted_command_sets_the_value(tmp_path, value):
    """Checked by splitting as the shell does, and by DVC's own parser of overrides."""
    path = tmp_path / "params.yaml"
    path.write_text("section:\n  key: 0\n")
    *_, flag, override = shlex.split(exp_run_command({"section.key": value}))
    apply_overrides(path, [override])
    assert flag == "-S"
    assert read_yaml(path) == {"section": {"key": value}}
