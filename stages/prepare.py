"""prepare: downloads, verifies, splits and stores the data set → data/prepared/."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from vaeline.core.files import write_json
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import SPLITS, Prepared, Split
from vaeline.data.storing import prepared_summary, store
from vaeline.runtime.stage import run_stage, workspace

CLASSES_NAMED = 20


class PrepareParams(Protocol):
    @property
    def data(self) -> Mapping[str, Any]: ...


def main(params: PrepareParams) -> None:
    dataset = DATASETS.build(params.data, raw=workspace() / "data" / "raw")
    prepared = store(dataset, "data/prepared")
    write_json("outputs/prepare/metrics.json", prepared_summary(prepared))
    for remark in dataset.remarks():
        print(remark)
    print(f"{prepared.name}: {sizes(prepared)} {prepared.noun} of {prepared.shape} in data/prepared")
    for line in class_lines(prepared):
        print(line)


def sizes(prepared: Prepared) -> str:
    return ", ".join(f"{len(split)} {name}" for name, split in splits(prepared).items())


def class_lines(prepared: Prepared) -> list[str]:
    """Returns how many examples of each class each split has; only the first if there are many classes."""
    counts = {
        name: np.bincount(split.labels, minlength=len(prepared.classes))
        for name, split in splits(prepared).items()
    }
    lines = [
        f"  {label}: {', '.join(f'{of_class[number]} {name}' for name, of_class in counts.items())}"
        for number, label in enumerate(prepared.classes[:CLASSES_NAMED])
    ]
    more = len(prepared.classes) - CLASSES_NAMED
    return [*lines, *([f"  and {more} other classes"] if more > 0 else [])]


def splits(prepared: Prepared) -> dict[str, Split]:
    return {name: getattr(prepared, name) for name in SPLITS}


if __name__ == "__main__":
    run_stage("prepare", main)
