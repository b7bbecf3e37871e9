import json
from dataclasses import replace

import pandas as pd
import pytest

from tests.support.trainings import record
from vaeline.core.files import write_csv
from vaeline.evaluation.symptoms import read_history
from vaeline.training import history

RECORDS = [
    replace(
        record(epoch, elbo),
        step=3 * epoch, beta=0.5, learning_rate=1e-3, train_loss=50.0 - epoch, train_recon=40.0, train_kl=7.0,
        valid_elbo_se=0.25, skipped_updates=epoch, kl_per_dim=(4.0, 2.0 + epoch),
        alerts=("one", "two")[:epoch],
    )
    for epoch, elbo in ((1, -45.0), (2, -40.0), (3, -42.0))
]  # fmt: skip


def test_history_table_has_a_row_an_epoch_and_is_read_back_equal(tmp_path):
    table = history.history_table(RECORDS)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["valid_elbo"].tolist() == [-45.0, -40.0, -42.0]
    assert table["alerts"].tolist() == [1, 2, 2]
    promised = {
        "train_loss",
        "train_recon",
        "train_kl",
        "valid_loss",
        "valid_recon",
        "valid_kl",
        "beta",
        "learning_rate",
    }
    assert promised <= set(table.columns)
    write_csv(tmp_path / "history.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "history.csv"), table, check_exact=True)


def test_kl_of_each_dimension_has_its_column():
    table = history.kl_table(RECORDS)
    assert table.columns.tolist() == ["epoch", 0, 1]
    assert table.to_numpy().tolist() == [[1, 4, 3], [2, 4, 4], [3, 4, 5]]


def test_log_has_a_line_an_epoch_followed_by_its_alerts():
    lines = history.training_log(RECORDS).splitlines()
    assert lines[0] == (
        "epoch 1: train loss 49.00 (recon 40.00, KL 7.00), valid ELBO -45.00 ± 0.25, beta 0.5"
    )
    assert lines[1:3] == ["  ! one", lines[2]]
    assert lines[2].startswith("epoch 2: ")
    assert lines[3:5] == ["  ! one", "  ! two"]


def test_metrics_are_those_of_the_last_epoch_and_the_best():
    metrics = history.training_metrics(RECORDS)
    last = {"epochs": 3, "train_loss": 47.0, "train_recon": 40.0, "train_kl": 7.0, "valid_elbo": -42.0}
    assert {name: metrics[name] for name in last} == last
    assert (metrics["best_valid_elbo"], metrics["best_epoch"]) == (-40.0, 2)
    assert metrics["skipped_updates"] == 3
    assert metrics["alerts"] == 5


def test_the_best_epoch_is_that_of_the_best_checkpoint():
    """Also where an epoch before it had no ELBO at all."""
    records = [replace(RECORDS[0], valid_elbo=float("nan")), *RECORDS[1:]]
    assert history.training_metrics(records)["best_epoch"] == 2


def test_curves_are_mappings_of_numbers_with_their_epoch():
    curves = history.epoch_curves(history.history_table(RECORDS))
    assert [row["epoch"] for row in curves] == [1, 2, 3]
    assert curves[1]["valid_elbo"] == -40.0
    assert all(isinstance(value, int | float) for row in curves for value in row.values())


NAN = float("nan")
SPARSE = [
    replace(r, valid_elbo=NAN, valid_elbo_se=NAN, valid_loss=NAN, valid_recon=NAN, valid_kl=NAN)
    if r.epoch != 2
    else r
    for r in RECORDS
]


def test_epochs_without_a_validation_have_empty_fields_and_no_points(tmp_path):
    history.write_history(tmp_path, SPARSE)
    read = read_history(tmp_path / "history.csv")
    pd.testing.assert_frame_equal(read, history.history_table(SPARSE), check_exact=True)
    curves = history.epoch_curves(read)
    assert [("valid_elbo" in row, "valid_kl" in row, "train_loss" in row) for row in curves] == [
        (False, False, True),
        (True, True, True),
        (False, False, True),
    ]
    first, second, *_ = [line for line in history.training_log(SPARSE).splitlines() if "epoch" in line]
    assert "valid" not in first
    assert "valid ELBO -40.00 ± 0.25" in second


def test_metrics_are_of_the_last_validation_if_there_was_one(tmp_path):
    metrics = history.training_metrics(SPARSE)
    assert (metrics["epochs"], metrics["valid_elbo"], metrics["best_epoch"]) == (3, -40.0, 2)
    assert "valid_elbo" not in history.training_metrics(SPARSE[:1])
    history.write_history(tmp_path, SPARSE[:1])  # JSON has no NaN


def test_log_ends_with_why_training_ended_early():
    ended = [*RECORDS[:2], replace(RECORDS[2], stopped="stopped after epoch 3: …")]
    assert history.training_log(ended).splitlines()[-1] == "stopped after epoch 3: …"
    pd.testing.assert_frame_equal(history.history_table(ended), history.history_table(RECORDS))


@pytest.mark.parametrize("of", [history.history_table, history.kl_table, history.training_metrics])
def test_one_epoch_is_enough(of):
    assert len(of(RECORDS[:1])) > 0


def test_written_files_have_the_tables_the_log_and_the_metrics(tmp_path):
    broken = replace(RECORDS[-1], valid_kl=float("nan"), valid_loss=float("inf"), learning_rate=1e-5)
    history.write_history(tmp_path, [*RECORDS, broken])
    for name, table in (("history", history.history_table), ("kl_per_dim", history.kl_table)):
        expected = table([*RECORDS, broken]).to_csv(index=False)
        assert (tmp_path / f"{name}.csv").read_text() == expected
    history.write_history(tmp_path, RECORDS)
    assert pd.read_csv(tmp_path / "history.csv")["valid_elbo"].tolist() == [r.valid_elbo for r in RECORDS]
    assert len(pd.read_csv(tmp_path / "kl_per_dim.csv")) == len(RECORDS)
    assert (tmp_path / "training.log").read_text() == history.training_log(RECORDS)
    assert json.loads((tmp_path / "metrics.json").read_text()) == history.training_metrics(RECORDS)
