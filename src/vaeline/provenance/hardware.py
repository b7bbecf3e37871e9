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
    return processor_facts().get("model name") or platform.processor() or platform.machine()


def processor_facts() -> dict[str, str]:
    """Returns what Linux tells of a processor, by its names, such as `flags`; elsewhere nothing."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    facts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in facts}


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
