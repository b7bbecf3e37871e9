import json

import pytest
import torch

from benchmarks import gpu
from benchmarks.harness import Ratio
from vaeline.core.errors import VaelineError

ORIGIN = {"card": "a card", "rates": "copying 3 GB/s", "torch": "2.15.0"}
EPOCH = Ratio.of("epoch", "0.4 s", [1.9], 1.0, seconds=0.21).to_dict() | {"group": "epoch", **ORIGIN}
CONV = Ratio.of("conv", "convolutions (share)", [0.4], 0.5).to_dict() | {"group": "conv", **ORIGIN}


def test_rows_that_are_not_measured_again_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gpu.write_rows([CONV | {"commit": "old"}])
    gpu.write_rows([EPOCH | {"commit": "new"}])
    page = (gpu.RESULTS / "bench_gpu.md").read_text()
    assert "| epoch | 0.4 s | 1.9 | 1.9 – 1.9 | ≥ 1 | yes | 0.21 s |" in page
    assert "| conv | convolutions (share) | 0.4 | 0.4 – 0.4 | ≥ 0.5 | no |  |" in page
    assert "a card, torch 2.15.0, commit `new`; a card, torch 2.15.0, commit `old`. Measured" in page
    assert "in each run: copying 3 GB/s." in page
    rows = json.loads((gpu.RESULTS / "bench_gpu.json").read_text())
    assert [row["group"] for row in rows] == ["epoch", "conv"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_without_a_gpu_one_line_says_what_to_use():
    with pytest.raises(VaelineError, match="no CUDA GPU, which this measures: use `make bench`"):
        gpu.run_gpu_benchmarks(["epoch"])
