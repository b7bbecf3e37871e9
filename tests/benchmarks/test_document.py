import json

import pytest

from benchmarks import document
from benchmarks.__main__ import WORKS, main
from benchmarks.harness import Ratio
from vaeline.core.errors import VaelineError


def measured(group, *rows, commit="abc"):
    return [row.to_dict() | {"group": group, "commit": commit, "machine": "a machine"} for row in rows]


EPOCH = Ratio.of("epoch", "pythae", [2.0, 3.0, 4.0], 2.0, seconds=1.5)
SHARE = Ratio.of("epoch", "matrix products (share)", [0.5], 0.65, aim=0.8)
FRECHET = Ratio.of("frechet", "pytorch-fid", [12.0])


@pytest.fixture
def at_a_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_table_the_values_and_the_picture_are_written(at_a_tmp_path):
    table = document.write_benchmark(
        measured("epoch", EPOCH, SHARE) + measured("frechet", FRECHET), list(WORKS)
    )
    assert "| epoch | pythae | 3 | 2.5 – 3.5 | ≥ 2 | yes | 3 | 1.5 s |" in table
    assert "| epoch | matrix products (share) | 0.5 | 0.5 – 0.5 | ≥ 0.65 (aim 0.8) | no | 1 |  |" in table
    assert table in (document.RESULTS / "bench.md").read_text()
    first, *_ = json.loads((document.RESULTS / "bench.json").read_text())
    assert first.keys() >= {"work", "against", "ratio", "spread", "goal", "met"}
    assert (document.RESULTS / "bench.png").stat().st_size > 10_000


def test_what_is_not_measured_again_stays_and_says_its_own_commit(at_a_tmp_path):
    document.write_benchmark(
        measured("frechet", FRECHET, commit="old") + measured("epoch", EPOCH, SHARE), list(WORKS)
    )
    document.write_benchmark(measured("epoch", EPOCH, commit="new"), list(WORKS))
    rows = json.loads((document.RESULTS / "bench.json").read_text())
    assert [(row["work"], row["commit"]) for row in rows] == [("epoch", "new"), ("frechet", "old")]
    assert "commit `new`, a machine; commit `old`, a machine" in (document.RESULTS / "bench.md").read_text()


def test_an_unknown_work_is_refused_before_anything_is_measured():
    with pytest.raises(VaelineError, match=r"WORK: there is no 'epochs' \(known: epoch small_batch"):
        main(["epochs"])
