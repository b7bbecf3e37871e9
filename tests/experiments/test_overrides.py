"""Overrides that a person types are read as DVC reads them, or refused in one line before anything runs."""

import contextlib
import shlex

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given
from hypothesis import strategies as st

from vaeline.core.errors import VaelineError
from vaeline.core.yaml import read_yaml
from vaeline.experiments.overrides import parsed_override, parsed_range
from vaeline.provenance.commands import override_value


def by_dvc(path, override: str):
    """Returns the value that DVC itself sets."""
    path.write_text("notes: before\n")
    apply_overrides(path, [override])
    return read_yaml(path)["notes"]


@pytest.mark.parametrize(
    "override",
    [
        *("notes=", "notes=a b", "notes='it\\'s'", 'notes="a, b"', "notes= 1", "notes=1_000", "notes=1e-3"),
        *(
            "notes=2026-13-45",
            "notes=[1,'a b',null]",
            "notes=str(3)",
            "notes=off",
            "notes=TRUE",
            r"notes=a\,b",
        ),
        *("notes='\\${x}'", "notes='a\\\\'", "notes=0x1f", "notes=007", "notes=~", "notes=.5", "notes=é"),
    ],
)
def test_value_is_the_one_that_dvc_sets(tmp_path, override):
    try:
        expected = by_dvc(tmp_path / "params.yaml", override)
    except Exception:
        with pytest.raises(VaelineError):
            parsed_override(override)
    else:
        assert parsed_override(override) == ("notes", expected)


@pytest.mark.parametrize(
    "override",
    [
        *("notes=it's", "data.name=[a", "notes={", "notes=a=b", "notes=${x}", "notes=${seed", "notes=???"),
        *("beta=1,2", "seed=range(1,3)", "notes=choice(", "notes=foo(3)", "beta=int(a)", "notes=glob(*)"),
        *("+beta=1", "~beta", "beta", "beta =1", "params.yaml:beta=1", "model@a=b", "=1", "", "notes=\x00"),
        *("notes=" + "[" * 1500, "seed=" + "9" * 5000, "notes=\udc80", "notes=a\nb"),
    ],
    ids=lambda override: ascii(override[:20]),
)
def test_wrong_override_is_refused_in_one_line_that_names_it(override):
    with pytest.raises(VaelineError) as caught:
        parsed_override(override)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(override)[:40].rstrip("'\"") in message
    message.encode()
    assert len(message) < 300


@pytest.mark.parametrize("override", ["notes=it's", "notes=a=b", "notes=${x}", "beta=1,2", "notes=[a"])
def test_refused_text_is_printed_as_it_should_be_typed(override):
    with pytest.raises(VaelineError) as caught:
        parsed_override(override)
    (written,) = shlex.split(str(caught.value).rpartition(" as a text it is written ")[2])
    assert parsed_override(written) == tuple(override.split("=", 1))


@given(text=st.text(max_size=20))
def test_whatever_is_typed_is_read_or_refused(text):
    for parse in (parsed_override, parsed_range):
        with contextlib.suppress(VaelineError):
            assert parse(f"notes={text}")[0] == "notes"


@given(values=st.lists(st.one_of(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8),
                                 st.integers(), st.booleans()), min_size=1, max_size=4))  # fmt: skip
def test_swept_values_are_those_that_were_written(values):
    values = [value for value in values if value != "???"]
    setting = "notes=" + ",".join(map(override_value, [*values, "last"]))
    key, listed = parsed_range(setting)
    assert key == "notes"
    assert [parsed_override(f"notes={value}")[1] for value in listed] == [*values, "last"]
