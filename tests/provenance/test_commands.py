import shlex

import pytest
from dvc.utils.hydra import apply_overrides

from vaeline.core.params import read_yaml
from vaeline.diagnosis.finding import Finding
from vaeline.provenance import commands


@pytest.mark.parametrize("value", [4, 0.25, 1e-5, True, None, "vamp", "a b, c=1: 'd'", ["x", "y"], []])
def test_a_pasted_command_sets_the_value_that_was_meant(tmp_path, value):
    """Through the shell's own splitting and DVC's own reading of an override."""
    path = tmp_path / "params.yaml"
    path.write_text("section:\n  key: 0\n")
    *_, flag, override = shlex.split(commands.exp_run_command({"section.key": value}))
    apply_overrides(path, [override])
    assert flag == "-S"
    assert read_yaml(path) == {"section": {"key": value}}


def test_a_cure_repeats_the_run_and_has_the_last_word(monkeypatch):
    own = {"beta": 100.0, "data.train_size": 10000}
    monkeypatch.setattr(commands, "differing", lambda params: own)
    cured, fine = (
        Finding("n", "N", "problem", 1.0, "", (), changes=changes) for changes in ({"beta": 1.0}, {})
    )
    cured, fine = commands.with_commands([cured, fine], {})
    assert cured.command == "dvc exp run -S beta=1 -S data.train_size=10000"
    assert fine.command == ""
