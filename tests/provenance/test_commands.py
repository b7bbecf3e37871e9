"""A printed command sets exactly the params that it was printed for: read back by the shell and by DVC."""

import shlex
import subprocess
from pathlib import Path

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, to_hydra_overrides
from hypothesis import given
from hypothesis import strategies as st

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import UNPRINTABLE, validated
from vaeline.core.yaml import read_yaml
from vaeline.provenance.commands import exp_run_command, override_value

TEXTS = [
    *("", " ", "  a ", "it's", '"', "'", "a b, c=1: 'd'", "a=b,c", "{a: 1}", "[1", "(", "=", ",", "#a" "#"),
    *("2026", "1.0", "1e5", "1_000", ".5", "-5", "true", "False", "null", "~", "nan", "inf", "-Inf", "1-1-1"),
    *("\\", "a\\", "a\\\\", "\\'", "\\\\'", "'\\", '"\\', "\\n", "\\ ", "a\\,b", "C:\\data\\"),
    *("${x}", "$${x}", "\\${x}", "a\\\\${x}'", "${", "}${x", "'${x}\\'", "${x}\\", "${oc.env:A}", "$(a)"),
    *("é", "日本語", "Ωβ", "\U0001f600", "\u2028", "\xa0", "\ufeff", "a\nb", "\n", "a\n", "a\tb", "\t"),
    *("!x", "&a", "*a", "%a", "@a", "a" * 300, "a b " * 100, "choice(1,2)", "range(1,3)", "int(3)"),
]  # fmt: skip
ALLOWED = st.one_of(
    st.characters(exclude_categories=UNPRINTABLE), st.sampled_from("\n\t\\\\'\"${}[](),:=# -~!&*1e.")
)
FREE_TEXT = st.text(ALLOWED, max_size=12).filter(lambda text: text != "???")
VALUES = st.one_of(
    FREE_TEXT,
    st.lists(FREE_TEXT, max_size=3),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)


def words_of(command: str) -> list[str]:
    """Returns the arguments that a shell gives to `dvc`."""
    script = f"dvc() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    return (
        subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)
        .stdout.decode()
        .split("\0")[:-1]
    )


def set_by(words: list[str], path: Path, keys: list[str]) -> dict:
    """Returns what `dvc exp run` with these arguments makes of params.yaml, without its sections."""
    assert words[:2] == ["exp", "run"]
    assert set(words[2::2]) <= {"-S"}
    overrides = to_path_overrides(words[3::2])
    path.write_text("".join(f"{key}: before\n" for key in keys))
    for listed in overrides.values():
        assert not any(override.is_sweep_override() for override in to_hydra_overrides(listed))
        apply_overrides(path, listed)
    return read_yaml(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("command") / "params.yaml"


def test_shell_and_dvc_read_every_text_back(path):
    changes = {f"key_{i}": text for i, text in enumerate(TEXTS)}
    command = exp_run_command(changes)
    assert set_by(words_of(command), path, list(changes)) == changes


@given(value=VALUES)
def test_dvc_reads_every_value_back(path, value):
    changes = {"key": value, "other": [value, value] if isinstance(value, str) else 0}
    assert set_by(shlex.split(exp_run_command(changes))[1:], path, list(changes)) == changes


@pytest.mark.parametrize("value", [4, 0.25, 1e-5, True, "vae_mnist", "data/images", "zoo-vamp"])
def test_usual_values_need_no_quotes(value):
    assert override_value(value).strip("'") == override_value(value)


def test_nothing_changed_is_a_plain_run():
    assert exp_run_command({}) == "dvc exp run"


@pytest.mark.parametrize("value", ["\0", "a\x1b[31m", "\r", "\x85", "\x7f", "\ud800", "???"])
def test_text_that_no_command_can_set_is_no_param(value):
    values = ExperimentConfig().to_dict()
    values["data"]["path"] = value
    for changed in ({"notes": value}, values):
        with pytest.raises(VaelineError, match=r"(notes|path) = .* is not allowed: ") as caught:
            validated(ExperimentConfig, changed)
        assert "\n" not in str(caught.value)
