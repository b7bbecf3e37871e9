"""The use of processor, memory and GPU while a model trains."""

import contextlib
import logging
from typing import Protocol


class MachineMonitor(Protocol):
    """A thread that logs until it is told to finish."""

    def finish(self) -> None:
        """Logs what is left, and ends."""


def log_machine_use(run_id: str, tracking_uri: str) -> MachineMonitor | None:
    """Starts to log the machine's use into a run every 10 s.

    Returns:
        What ends the logging, or None if the machine's use cannot be read. Neither prints anything.
    """
    with contextlib.suppress(Exception):  # psutil cannot read this system
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger(SystemMetricsMonitor.__module__).setLevel(logging.CRITICAL)
        monitor = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=tracking_uri)
        monitor.start()
        return monitor
    return None
