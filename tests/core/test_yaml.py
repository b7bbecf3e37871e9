"""A YAML file is read as DVC reads it, or refused in one line that names the file and the line."""

import os
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, nest_params
from vaeline.core.yaml import parse_yaml, read_yaml

DAMAGED = {
    "beta: 2\nnotes: 2001-13-45": "line 2: '2001-13-45' is no valid timestamp",
    "notes: 2001-01-01T25:00:00": "is no valid timestamp",
    "seed: !!int abc": "line 1: 'abc' is no valid int",
    "beta: !!float ''": "line 1: '' is no valid float",
    "shuffle: !!bool x": "line 1: 'x' is no valid bool",
    "seed: " + "9" * 5000: "… is no valid int",
    "notes: " + "[" * 1500: "too many brackets within brackets",
    "notes: " + "{a: " * 1500: "too many brackets within brackets",
    "a: &x [1]\nb: *x": "line 2: alias *x: write the value out",
    "a: &a {b: *a}": "line 1: alias *a",
    "<<: {a: 1}": "line 1: a key is not a word",
    "[a]: 1": "line 1: a key is not a word",
    "{a: 1}: 1": "line 1: a key is not a word",
    "beta: 1\n2: 1": "line 2: a key is not a word",
    "null: 1": "line 1: a key is not a word",
    "beta: 1\nbeta: 2": "line 2: found duplicate key",
    "a: 1\n\tb: 2": "line 2: found character",
    "a: \0": "#x0000",
    "a: !!python/object/apply:os.system [ls]": "could not determine a constructor",
    "a: !!map x": "line 1: expected a mapping node",
    "a: 1\n--- \nb: 1": "another document",
    "": "expected 'key: value' lines, found nothing",
    "- 1": "expected 'key: value' lines, found a list",
}


def refusal(path: Path) -> str:
    with pytest.raises(VaelineError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 200
    return message


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: repr(text[:20]))
def test_damaged_file_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert DAMAGED[text] in refusal(path)


@pytest.mark.parametrize("content", [b"a: \xe9", "a: 1".encode("utf-16"), "a: 1".encode("utf-32"), b"\xff"])
def test_file_in_another_encoding_is_refused(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert "no UTF-8 at byte" in refusal(path) or "unacceptable character" in refusal(path)


def test_mark_of_utf8_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbfbeta: 1\r\nnotes: x\r\n")
    assert read_yaml(path) == {"beta": 1, "notes": "x"}


def test_what_is_no_file_is_refused(tmp_path):
    assert refusal(tmp_path).endswith("cannot be read: Is a directory")
    assert "no such file" in refusal(tmp_path / "none.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.touch(mode=0)
    assert refusal(path).endswith("cannot be read: Permission denied")


def test_values_are_those_that_dvc_reads(at_the_root):
    for path in ("params.yaml", "presets/clinic-holes-beta.yaml", "presets/zoo-vq.yaml"):
        assert read_yaml(path) == load_yaml(path)


SMALL = (
    "seed: 42\nnotes: ''\nbeta: 1.0\ngate: []\nmodel: {name: vq}\nprior:\n  name: flow\n  flow: {steps: 5}"
)
PIECES = [
    *(
        "\0",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "\n",
        "- ",
        "? ",
        "! ",
        "!!int ",
        "*a",
        "&a ",
        "'",
        '"',
        "|",
        ">",
        "%",
    ),
    *(
        "9" * 5000,
        "2001-13-45",
        "2001-12-14",
        "\udcff",
        "é",
        ".nan",
        "null",
        "#",
        "  ",
        "1e999",
        "[" * 1500,
        "-1",
    ),
    *(
        "<<: ",
        "---\n",
        "...\n",
        "yes",
        "{a: 1}",
        "\x85",
        "\u2028",
        "\ufeff",
        "a" * 300,
        "model: ",
        "true",
        "0x",
    ),
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = SMALL
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


@given(text=damaged())
def test_damaged_params_are_loaded_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(text, errors="surrogateescape")
    try:
        ExperimentConfig.load(path)
    except VaelineError as error:
        message = str(error)
    else:
        message = f"{path}: "
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


FLAT = flatten_params(ExperimentConfig().to_dict())
OF_TYPE = {bool: st.booleans(), float: st.floats(0.01, 0.99), int: st.integers(2, 9)}
NUMBERS = sorted(key for key, value in FLAT.items() if type(value) in OF_TYPE and "." not in key)
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=9).filter(lambda text: text != "???")


@given(data=st.data(), keys=st.lists(st.sampled_from(NUMBERS), max_size=5), notes=WORDS)
def test_valid_params_are_read_back_as_they_were_written(tmp_path_factory, data, keys, notes):
    path = tmp_path_factory.getbasetemp() / "valid.yaml"
    changes = {"notes": notes, **{key: data.draw(OF_TYPE[type(FLAT[key])]) for key in keys}}
    YAML().dump(nest_params(changes), path)
    loaded = flatten_params(ExperimentConfig.load(path).to_dict())
    assert loaded == FLAT | changes


def test_values_that_were_changed_are_not_what_the_next_reader_gets():
    text = "data: {name: digits, sizes: [1, 2]}"
    changed = parse_yaml(text, "params.yaml")
    changed["data"]["sizes"].append(3)
    assert parse_yaml(text, "params.yaml") == {"data": {"name": "digits", "sizes": [1, 2]}}
