"""The records of a training as tables, text and metrics."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vaeline.core.files import write_json, write_text
from vaeline.training.record import Record, best

Row = dict[Any, Any]  # a cell by the name of its column


def history_table(records: Sequence[Record]) -> pd.DataFrame:
    """Returns one row an epoch: losses, reconstruction and KL in nats an image, β, learning rate, alerts."""
    return pd.DataFrame([_history_row(record) for record in records])


def kl_table(records: Sequence[Record]) -> pd.DataFrame:
    """Returns one row an epoch with the mean training KL of each latent dimension, in nats."""
    return pd.DataFrame([_kl_row(record) for record in records])


def training_log(records: Sequence[Record]) -> str:
    """Returns the training log: one line an epoch, followed by its alerts."""
    return "".join(map(_log_lines, records))


def training_metrics(records: Sequence[Record]) -> dict[str, float]:
    """Returns the last epoch's metrics, and the best validation ELBO with its epoch."""
    last, chosen = records[-1], best(records)
    return {
        "epochs": last.epoch,
        "train_loss": last.train_loss,
        "train_recon": last.train_recon,
        "train_kl": last.train_kl,
        "valid_elbo": last.valid_elbo,
        "valid_elbo_se": last.valid_elbo_se,
        "best_valid_elbo": chosen.valid_elbo,
        "best_epoch": chosen.epoch,
        "skipped_updates": last.skipped_updates,
        "alerts": sum(len(record.alerts) for record in records),
    }


def epoch_curves(table: pd.DataFrame) -> list[dict[str, float]]:
    """Returns the rows of a history table as mappings, which MLflow plots over epochs."""
    columns = table.drop(columns="step", errors="ignore")
    rows = columns.itertuples(index=False, name=None)
    return [dict(zip(columns.columns, row, strict=True)) for row in rows]


def write_history(directory: Path, records: Sequence[Record], durable: bool = True) -> None:
    """Writes history.csv, kl_per_dim.csv, training.log and metrics.json; nothing before the first epoch.

    A reader never finds half a file, so that they can be plotted while the training runs. Then they need not
    be `durable`, see `core.files.replacing`: the records are part of the training's state.
    """
    if not records:
        return
    _write_rows(directory / "history.csv", _history_row, records, durable)
    _write_rows(directory / "kl_per_dim.csv", _kl_row, records, durable)
    write_text(directory / "training.log", training_log(records), durable)
    write_json(directory / "metrics.json", training_metrics(records), durable)


def _history_row(record: Record) -> Row:
    row = {**vars(record), "alerts": len(record.alerts)}
    del row["kl_per_dim"]
    return row


def _kl_row(record: Record) -> Row:
    return {"epoch": record.epoch, **dict(enumerate(record.kl_per_dim))}


def _write_rows(path: Path, row: Callable[[Record], Row], records: Sequence[Record], durable: bool) -> None:
    header = ",".join(map(str, row(records[0]))) + "\n"
    write_text(path, header + "".join(_csv_line(row, record) for record in records), durable)


# Lines are kept, since they are written again after each of what may be thousands of epochs.
@functools.lru_cache(maxsize=2**15)
def _csv_line(row: Callable[[Record], Row], record: Record) -> str:
    """Returns a line as pandas writes it: NaN is an empty cell."""
    return ",".join("" if cell != cell else str(cell) for cell in row(record).values()) + "\n"


@functools.lru_cache(maxsize=2**14)
def _log_lines(r: Record) -> str:
    lines = [
        f"epoch {r.epoch}: train loss {r.train_loss:.2f} (recon {r.train_recon:.2f}, KL {r.train_kl:.2f}), "
        f"valid ELBO {r.valid_elbo:.2f} ± {r.valid_elbo_se:.2f}, beta {r.beta:.3g}"
    ]
    lines += [f"  ! {alert}" for alert in r.alerts]
    return "\n".join(lines) + "\n"
