import os
from pathlib import Path

import pytest
import torch

from vaeline.provenance import hardware


def test_cores_are_those_the_process_may_use():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot bind processes to cores")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert hardware.hardware()["hardware.cores"] == "1"
    finally:
        os.sched_setaffinity(0, before)


def test_memory_is_that_of_the_kernel():
    if not Path("/proc/meminfo").is_file():
        pytest.skip("this system has no /proc/meminfo")
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    assert hardware.memory() == f"{kilobytes / 2**20:.1f} GiB"


def test_gpus_are_named_if_there_are_any(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "hardware.gpu" not in hardware.hardware()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    assert hardware.hardware()["hardware.gpu"] == "GPU 0, GPU 1"


def test_processor_without_a_name_is_the_architecture(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "processor : 0\n")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert hardware.processor() == "aarch64"
