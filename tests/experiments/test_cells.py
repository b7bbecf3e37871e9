"""Presets trained side by side in pieces: as they would be in one, with records that a study reads."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import ROOT
from vaeline.core.files import read_json
from vaeline.evaluation.per_image import read_bounds
from vaeline.experiments import cells
from vaeline.experiments.cells import train_cells
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import bounds_path, record_path, seeded
from vaeline.models import checkpoints

TINY = """
data: {name: digits}
device: cpu
hidden_dim: 8
latent_dim: 2
epochs: 6
iwae_k: 4
select: last
target_nll: 25.0
optimizer: {name: soap}
"""
WANTED = [("tiny", None), ("tiny", 7)]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cells, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))  # spares the imports
    return tmp_path


def test_a_training_in_pieces_is_the_same_as_in_one_and_leaves_its_record(repository):
    assert train_cells(WANTED, minutes=0, together=2, folder=repository / "pieces") == []
    written = train_cells(WANTED, minutes=5, together=2, folder=repository / "pieces")
    assert written == [record_path(*cell) for cell in WANTED]
    in_pieces = [read_json(path) for path in written]
    for record, (preset, seed) in zip(in_pieces, WANTED, strict=True):
        assert record["overrides"] == seeded(preset_overrides(preset), seed)
        assert record["epochs"] == 6
        assert record["results"]["nll"] == pytest.approx(
            -read_bounds(bounds_path(preset, seed)).mean(), abs=1e-3
        )
    assert in_pieces[0]["results"]["nll"] != in_pieces[1]["results"]["nll"]
    assert train_cells(WANTED, minutes=5, together=2, folder=repository / "pieces") == []
    for path in written:
        path.unlink()
    train_cells(WANTED, minutes=5, together=1, folder=repository / "whole")
    assert [read_json(path)["results"] for path in written] == [record["results"] for record in in_pieces]
    for path in (repository / "whole").rglob("last.pt"):
        assert checkpoints.load(path).latent_dim == 2
