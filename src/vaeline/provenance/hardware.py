"""The hardware of this machine."""

import os
import platform
from pathlib import Path


def hardware() -> dict[str, str]:
    """Returns the processor, the cores that this process may use, the memory, and any GPUs, as tags."""
    import torch  # seconds, which a process that only names changed params does not spend

    tags = {"hardware.cpu": processor(), "hardware.cores": str(cores()), "hardware.memory": memory()}
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return tags | ({"hardware.gpu": ", ".join(gpus)} if gpus else {})


def processor() -> str:
    """Returns the processor's name, or its architecture if the system does not give the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> str:
    """Returns the machine's memory in GiB, or `unknown` if the system does not give it."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    return f"{size / 2**30:.1f} GiB"
