"""The records of a training as tables, text and metrics."""

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from vaeline.core.files import write_csv, write_json, write_text
from vaeline.training.record import Record, best

TRAINING_OUTPUT = Path("outputs/train")
"""Where the train stage writes its history."""
NOT_IN_TABLE = ("kl_per_dim", "stopped")
"""What a record has beside the columns of history.csv."""


def history_table(records: Sequence[Record]) -> pd.DataFrame:
    """Returns one row an epoch: losses, reconstruction and KL in nats an image, β, learning rate, alerts."""
    rows = [asdict(record) | {"alerts": len(record.alerts)} for record in records]
    return pd.DataFrame(rows, columns=[f.name for f in fields(Record) if f.name not in NOT_IN_TABLE])


def kl_table(records: Sequence[Record]) -> pd.DataFrame:
    """Returns one row an epoch with the mean training KL of each latent dimension, in nats."""
    rows = [dict(enumerate(record.kl_per_dim)) for record in records]
    return pd.DataFrame(rows, index=pd.Index([r.epoch for r in records], name="epoch")).reset_index()


def training_log(records: Sequence[Record]) -> str:
    """Returns the training log: a line an epoch, followed by its alerts, and by why training ended early."""
    lines = []
    for r in records:
        bound = f"valid ELBO {r.valid_elbo:.2f} ± {r.valid_elbo_se:.2f}, " if r.validated else ""
        lines.append(
            f"epoch {r.epoch}: train loss {r.train_loss:.2f} "
            f"(recon {r.train_recon:.2f}, KL {r.train_kl:.2f}), {bound}beta {r.beta:.3g}"
        )
        lines += [f"  ! {alert}" for alert in r.alerts]
        lines += [r.stopped] if r.stopped else []
    return "\n".join(lines) + "\n"


def training_metrics(records: Sequence[Record]) -> dict[str, float]:
    """Returns the last epoch's metrics, and, after a validation, the last and the best validation ELBO."""
    last = records[-1]
    metrics: dict[str, float] = {
        "epochs": last.epoch,
        "train_loss": last.train_loss,
        "train_recon": last.train_recon,
        "train_kl": last.train_kl,
        "skipped_updates": last.skipped_updates,
        "alerts": sum(len(record.alerts) for record in records),
    }
    if validated := [record for record in records if record.validated]:
        chosen = best(validated)
        metrics |= {
            "valid_elbo": validated[-1].valid_elbo,
            "valid_elbo_se": validated[-1].valid_elbo_se,
            "best_valid_elbo": chosen.valid_elbo,
            "best_epoch": chosen.epoch,
        }
    return metrics


def epoch_curves(table: pd.DataFrame) -> list[dict[str, float]]:
    """Returns the rows of a history table as mappings, without what was not measured, for MLflow to plot."""
    columns = table.drop(columns="step")
    rows = columns.itertuples(index=False, name=None)
    pairs = (zip(columns.columns, row, strict=True) for row in rows)
    return [{name: value for name, value in of_row if not math.isnan(value)} for of_row in pairs]


def write_history(directory: Path, records: Sequence[Record], durable: bool = True) -> None:
    """Writes history.csv, kl_per_dim.csv, training.log and metrics.json; nothing before the first epoch.

    A reader never finds half a file, so that they can be plotted while the training runs. Then they need not
    be `durable`, see `core.files.replacing`: the records are part of the training's state.
    """
    if not records:
        return
    write_csv(directory / "history.csv", history_table(records), durable)
    write_csv(directory / "kl_per_dim.csv", kl_table(records), durable)
    write_text(directory / "training.log", training_log(records), durable)
    write_json(directory / "metrics.json", training_metrics(records), durable)
