import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dvc.repo import Repo
from PIL import Image

from stages import prepare
from tests.conftest import ROOT
from tests.support.committed import dump
from tests.support.published import idx_files, image_files, sha256
from vaeline.config import ExperimentConfig
from vaeline.core.params import StageParams, read_yaml
from vaeline.data.prepared import Prepared
from vaeline.data.sets.mnist import Mnist
from vaeline.provenance.closure import is_code


def digest_of(split: str) -> str:
    return hashlib.sha256(Path(f"data/prepared/{split}_values.npy").read_bytes()).hexdigest()


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
        "mean_pixel": prepared.train.values.mean(dtype=float) / 255,
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
    np.testing.assert_array_equal(test.values[:, 0], arrays["t10k-images-idx3-ubyte"])
    assert not (tmp_path / "repository" / "data" / "prepared").exists()


def test_slow_libraries_are_not_imported_before_they_are_needed():
    slow = "{'torch', 'torchvision', 'sklearn'}"
    program = f"import sys, stages.prepare; print(sorted({slow} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


@pytest.fixture
def by_dvc(tmp_path, monkeypatch):
    """Runs the entry of dvc.yaml, with a command that stores the number of images and the side."""
    entry = read_yaml(ROOT / "dvc.yaml")["stages"]["prepare"]
    entry["deps"] = [path for path in entry["deps"] if not is_code(path)]
    entry["cmd"] = "mkdir -p data/prepared outputs/prepare; echo '{}' > outputs/prepare/metrics.json; " + (
        "ls mine | wc -l > data/prepared/count; "
        "grep -A 2 image_folder: params.yaml | grep side: > data/prepared/side"
    )
    monkeypatch.chdir(tmp_path)
    dump("dvc.yaml", {"stages": {"prepare": entry}})
    repo = Repo.init(no_scm=True)
    default = (ROOT / "params.yaml").read_text().replace("path: data/own", "path: mine")

    def run(side: int) -> tuple[int, int]:
        Path("params.yaml").write_text(default.replace("side: 64 ", f"side: {side} "))
        repo.reproduce("prepare")
        stored = [Path(f"data/prepared/{name}").read_text() for name in ("count", "side")]
        return int(stored[0]), int(re.findall(r"\d+", stored[1])[0])

    with repo:
        yield run


def test_neither_a_folder_that_grew_nor_another_side_comes_back_from_dvcs_run_cache(by_dvc):
    image_files(Path("mine"), [f"{i:03}.png" for i in range(40)])
    assert by_dvc(side=12) == (40, 12)
    assert by_dvc(side=20) == (40, 20)
    image_files(Path("mine"), [f"{i:03}.png" for i in range(40, 120)])
    assert by_dvc(side=12) == (120, 12)


def test_the_default_folder_of_images_is_in_the_repository():
    """DVC needs every dependency to exist, whichever data set is chosen."""
    listed = subprocess.check_output(["git", "ls-files", "data/own"], cwd=ROOT, text=True)
    assert listed.split() == ["data/own/README.md"]
    assert ExperimentConfig().data.path == "data/own"


def test_what_was_understood_left_out_and_noticed_is_printed_with_the_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image_files(Path("mine"), [f"Train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    image_files(Path("mine"), [f"val/{'ab'[i % 2]}/{i:02}.png" for i in range(4)], seed=1)
    image_files(Path("mine"), [f"test/{'abc'[i % 3]}/{i:02}.png" for i in range(6)], seed=2)
    shutil.copy("mine/Train/a/00.png", "mine/test/a/copy.png")
    for i in range(2):
        Image.new("RGBA", (12, 12), (i, 0, 0, 0)).save(f"mine/val/a/clear{i}.png")
    Path("mine/Train/a/notes.txt").touch()
    Path("mine/Train/a/.DS_Store").touch()
    options = {"side": 12, "background": "black"}
    prepare.main(StageParams({"data": {"name": "image_folder", "path": "mine", "image_folder": options}}))
    assert capsys.readouterr().out.splitlines() == [
        "splits: train is Train/, valid is val/, test is test/",
        "left out, files of other kinds: .txt (1)",
        "left out, hidden: .DS_Store (1)",
        "images with transparent pixels, laid on black (data.image_folder.background): 2",
        "classes of test that train lacks, so that no model learns them: c (2)",
        "images of test that are copies of images of train: 1 (test/a/copy.png = Train/a/00.png)",
        "images of one value everywhere: 2 in valid",
        "image_folder: 20 train, 6 valid, 7 test images of (3, 12, 12) in data/prepared",
        "  a: 10 train, 4 valid, 3 test",
        "  b: 10 train, 2 valid, 2 test",
        "  c: 0 train, 0 valid, 2 test",
    ]


def test_twelve_bits_in_sixteen_are_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for i in range(12):
        levels = np.roll(np.linspace(0, 4095, 144).astype(np.uint16).reshape(12, 12), i, axis=0)
        Image.fromarray(levels).save(f"mine/{i}.png")
    options = {"side": 12, "mode": "grey"}
    prepare.main(StageParams({"data": {"name": "image_folder", "path": "mine", "image_folder": options}}))
    assert "no pixel is brighter than 15 of 255: if the files have 16 bits" in capsys.readouterr().out
