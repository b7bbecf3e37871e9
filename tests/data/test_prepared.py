import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.published import Numbered
from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_json
from vaeline.data.prepared import Prepared, sealed
from vaeline.data.reading.dataset import DataOptions
from vaeline.data.storing import store

FILES = [f"{split}_{field}.npy" for split in ("train", "valid", "test") for field in ("values", "labels")]


@pytest.fixture
def folder(tmp_path):
    store(Numbered(DataOptions(split_seed=5), raw=None), tmp_path)
    return tmp_path


def test_attributes_are_those_of_the_data_set(folder):
    prepared = Prepared.open(folder)
    assert prepared.name == "numbered"
    assert prepared.shape == (2, 3, 4)
    assert prepared.classes == ("even", "odd")
    assert prepared.description["split_seed"] == 5
    assert len(prepared.train) == 60
    assert prepared.hashes == {f: hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in FILES}
    prepared.verify()


def test_arrays_are_memory_mapped_and_read_only(folder):
    prepared = Prepared.open(folder)
    for split in (prepared.train, prepared.valid, prepared.test):
        assert isinstance(split.values, np.memmap)
        assert isinstance(split.labels, np.memmap)
        assert (split.values.dtype, split.labels.dtype) == (np.uint8, np.int64)
    with pytest.raises(ValueError, match="read-only"):
        prepared.train.values[0] = 0


@pytest.mark.parametrize("file", [*FILES, "description.json"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(VaelineError, match=rf"^{folder / file}: .*dvc repro prepare"):
        Prepared.open(folder)


@pytest.mark.parametrize("file", [*FILES, "description.json"])
@pytest.mark.parametrize("keep", [0, 60, -1])
def test_a_truncated_file_is_named(folder, file, keep):
    (folder / file).write_bytes((folder / file).read_bytes().rstrip(b"\n")[:keep])
    with pytest.raises(VaelineError, match=rf"^{folder / file}: damaged, .*dvc checkout data/prepared"):
        Prepared.open(folder)


def test_a_broken_header_is_named(folder):
    file = folder / "valid_values.npy"
    file.write_bytes(b"\x00" * 20 + file.read_bytes()[20:])
    with pytest.raises(VaelineError, match=rf"^{file}: damaged"):
        Prepared.open(folder)


@pytest.mark.parametrize("other", [np.zeros((60, 24), np.uint8), np.zeros((60, 2, 3, 4), np.int8)])
def test_an_array_of_another_type_or_shape_is_named(folder, other):
    file = folder / "train_values.npy"
    np.save(file, other)
    with pytest.raises(VaelineError, match=rf"^{file}: damaged, .* not that of uint8 \[60, 2, 3, 4\]"):
        Prepared.open(folder)


def test_every_flipped_bit_of_a_header_or_of_the_description_is_rejected(folder):
    headers = dict.fromkeys(FILES, 128)  # bytes, as NumPy pads them
    for file, size in (headers | {"description.json": None}).items():
        whole = (folder / file).read_bytes()
        for position in range(0, len(whole[:size]), 1 if size else 3):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << position % 8
            (folder / file).write_bytes(damaged)
            with pytest.raises(
                VaelineError, match=rf"^{folder / file}: damaged, .*dvc checkout data/prepared"
            ):
                Prepared.open(folder)
        (folder / file).write_bytes(whole)
    Prepared.open(folder).verify()


KEYS = ["name", "shape", "values", "counts", "remarks", "classes", "split", "split_seed", "factors", "arrays"]
WRONG = st.sampled_from(
    [None, True, -1, 0, 7, 10**20, 0.5, "", "uint8", "../x", [], [1], {}, {"a": 1}, [["a", 1]]]
)


def harmless(key: str, value: object) -> bool:
    """Returns whether the rest of the description allows `value` there."""
    kinds = {"name": str, "split": str, "split_seed": int}
    return type(value) is kinds.get(key) or (key in ("factors", "remarks") and value == [])


@given(key=st.sampled_from(KEYS), value=WRONG)
@example(key="shape", value=[2, 3, 4.0])
@example(key="shape", value=[4, 3, 2])
@example(key="classes", value=["even", 1])
@example(key="further", value=1)
def test_description_with_anything_in_any_place_is_rejected_in_one_line(tmp_path_factory, key, value):
    folder = tmp_path_factory.getbasetemp() / "anything"
    store(Numbered(DataOptions(), raw=None), folder)
    changed = read_json(folder / "description.json") | {key: value}
    write_json(folder / "description.json", sealed(changed))
    if harmless(key, value):
        assert Prepared.open(folder).description[key] == value
        return
    with pytest.raises(VaelineError, match=rf"\A{folder}/description.json: damaged, [^\n]*`\)\Z"):
        Prepared.open(folder)


@given(
    file=st.sampled_from(FILES),
    field=st.sampled_from(["dtype", "shape", "sha256"]),
    value=WRONG | st.sampled_from(["int8", "float64", "O", "M8", [60, 24], [0, 2, 3, 4], [10**9, 2, 3, 4]]),
)
def test_description_of_an_array_with_anything_in_it_is_rejected_in_one_line(
    tmp_path_factory, file, field, value
):
    folder = tmp_path_factory.getbasetemp() / "anything"
    store(Numbered(DataOptions(), raw=None), folder)
    description = read_json(folder / "description.json")
    if description["arrays"][file][field] == value:
        return
    description["arrays"][file][field] = value
    write_json(folder / "description.json", sealed(description))
    with pytest.raises(VaelineError, match=rf"\A{folder}/\S+: damaged, [^\n]*`\)\Z"):
        Prepared.open(folder).verify()


@pytest.mark.parametrize("file", FILES)
def test_verify_detects_a_single_changed_byte(folder, file):
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    prepared = Prepared.open(folder)
    with pytest.raises(VaelineError, match=rf"^{folder / file}: damaged, its SHA-256"):
        prepared.verify()
