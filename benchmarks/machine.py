"""The processor or GPU, in words and by its measured rates."""

import os

import torch

from benchmarks.harness import Contestant, race
from vaeline.provenance.hardware import processor
from vaeline.provenance.origin import origin_tags
from vaeline.runtime.devices import device

PRODUCT_SIDE = 4096
COPIED_BYTES = 1 << 28


def measured_where() -> dict[str, str]:
    """Returns the commit and the machine, in words, as rows and pages name them."""
    tags = origin_tags()
    changed = " with uncommitted changes" if tags.get("git.dirty") == "true" else ""
    return {"commit": tags.get("git.commit", "")[:10] + changed, "machine": machine_description()}


def machine_description() -> str:
    """Returns the device, its threads, and its measured rates of copying and of fp32 products."""
    where = device("auto")
    name = torch.cuda.get_device_name() if where.type == "cuda" else processor()
    threads = "" if where.type == "cuda" else f", {torch.get_num_threads()} threads of {os.cpu_count()} cores"
    copies, flops = machine_rates(where)
    return f"{name}{threads}, copying {copies:.3g} GB/s, fp32 products {flops:.3g} GFLOP/s"


def machine_rates(where: torch.device) -> tuple[float, float]:
    """Returns GB copied a second (read and written), and 10⁹ operations of an fp32 product a second."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=where)
    target = torch.empty_like(source)
    matrix = torch.randn(PRODUCT_SIDE, PRODUCT_SIDE, device=where)
    product = torch.empty_like(matrix)
    contestants = {
        "copies": Contestant(lambda: target.copy_(source), 2 * COPIED_BYTES / 1e9),
        "products": Contestant(lambda: torch.mm(matrix, matrix, out=product), 2 * PRODUCT_SIDE**3 / 1e9),
    }
    times = race("rates", contestants, rounds=3)
    return 1 / times.median("copies"), 1 / times.median("products")
