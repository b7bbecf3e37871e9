"""What a machine is made of, as far as it tells."""

import os
import platform
from pathlib import Path


def hardware() -> dict[str, str]:
    """Returns processor, cores that this process may use, memory, and the GPUs where there are any."""
    import torch  # seconds, which a process that only names changed params does not spend

    known = {"hardware.cpu": processor(), "hardware.cores": str(cores()), "hardware.memory": memory()}
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return known | ({"hardware.gpu": ", ".join(gpus)} if gpus else {})


def processor() -> str:
    """Returns the processor's name, or its architecture where the system does not say more."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> str:
    """Returns the machine's memory, or `unknown` where the system does not say."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    return f"{size / 2**30:.1f} GiB"
