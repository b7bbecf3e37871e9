import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from stages import prepare
from tests.support.published import idx_files, sha256
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.data.sets.mnist import Mnist


def digest_of(split: str) -> str:
    return hashlib.sha256(Path(f"data/prepared/{split}_images.npy").read_bytes()).hexdigest()


def test_digits_are_prepared_with_their_metrics(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    prepare.main(StageParams({"data": {"name": "digits", "valid_size": 100}}))
    prepared = Prepared.open()
    metrics = json.loads((tmp_path / "outputs/prepare/metrics.json").read_text())
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (1200, 100, 382)
    assert metrics == {
        "data": "digits",
        "train_size": 1200,
        "valid_size": 100,
        "test_size": 382,
        "classes": 10,
        "channels": 1,
        "height": 8,
        "width": 8,
        **{f"{name}_sha256": digest_of(name) for name in ("train", "valid", "test")},
        "mean_pixel": prepared.train.images.mean(dtype=float) / 255,
    }
    assert "digits: 1200 train, 100 valid, 382 test" in capsys.readouterr().out


def test_a_temporary_copy_reads_raw_files_of_the_repository_and_writes_its_own_arrays(tmp_path, monkeypatch):
    contents, arrays = idx_files(training=10, test=4)
    raw = tmp_path / "repository" / "data" / "raw" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(Mnist, "digests", lambda _: {name: sha256(c) for name, c in contents.items()})
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))

    prepare.main(StageParams({"data": {"name": "mnist", "train_size": 7, "valid_size": 3}}))

    test = Prepared.open(copy / "data" / "prepared").test
    np.testing.assert_array_equal(test.images[:, 0], arrays["t10k-images-idx3-ubyte"])
    assert not (tmp_path / "repository" / "data" / "prepared").exists()


def test_slow_libraries_are_not_imported_before_they_are_needed():
    slow = "{'torch', 'torchvision', 'sklearn'}"
    program = f"import sys, stages.prepare; print(sorted({slow} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
