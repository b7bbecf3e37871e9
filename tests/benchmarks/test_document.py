import json

import pytest

from benchmarks import document
from benchmarks.__main__ import BENCHMARKS
from benchmarks.harness import Ratio


def measured(group, *ratios, commit="abc"):
    return [ratio.to_dict() | {"group": group, "commit": commit, "machine": "a machine"} for ratio in ratios]


EPOCH = Ratio.of("epoch", "pythae", [2.0, 3.0, 4.0], 2.0, seconds=1.5)
SHARE = Ratio.of("epoch", "matrix products (share)", [0.5], 0.65, aim=0.8)
FRECHET = Ratio.of("frechet", "pytorch-fid", [12.0])
ORDER = list(BENCHMARKS)


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("empty_folder")
def test_table_values_and_picture_are_written():
    document.write_benchmark(measured("epoch", EPOCH, SHARE) + measured("frechet", FRECHET), ORDER)
    page = (document.RESULTS / "bench.md").read_text()
    assert "| epoch | pythae | 3 | 2.5 – 3.5 | ≥ 2 | yes | 3 | 1.5 s |" in page
    assert "| epoch | matrix products (share) | 0.5 | 0.5 – 0.5 | ≥ 0.65 (aim 0.8) | no | 1 |  |" in page
    first, *_ = json.loads((document.RESULTS / "bench.json").read_text())
    assert first.keys() >= {"work", "against", "ratio", "spread", "goal", "met"}
    assert (document.RESULTS / "bench.png").stat().st_size > 10_000


@pytest.mark.usefixtures("empty_folder")
def test_rows_that_are_not_measured_again_stay_with_their_own_commit():
    document.write_benchmark(
        measured("frechet", FRECHET, commit="old") + measured("epoch", EPOCH, SHARE), ORDER
    )
    document.write_benchmark(measured("epoch", EPOCH, commit="new"), ORDER)
    rows = json.loads((document.RESULTS / "bench.json").read_text())
    assert [(row["work"], row["commit"]) for row in rows] == [("epoch", "new"), ("frechet", "old")]
    page = (document.RESULTS / "bench.md").read_text()
    assert "commit `new`, a machine; commit `old`, a machine" in page
