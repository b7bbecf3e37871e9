"""prepare: downloads, verifies, splits and stores the data set → data/prepared/."""

from collections.abc import Mapping
from typing import Any, Protocol

from vaeline.core.files import write_json
from vaeline.data.catalog import DATASETS
from vaeline.data.reading.content import content_lines
from vaeline.data.storing import prepared_summary, store
from vaeline.runtime.stage import run_stage, workspace


class PrepareParams(Protocol):
    @property
    def data(self) -> Mapping[str, Any]: ...


def main(params: PrepareParams) -> None:
    dataset = DATASETS.build(params.data, raw=workspace() / "data" / "raw")
    prepared = store(dataset, "data/prepared")
    write_json("outputs/prepare/metrics.json", prepared_summary(prepared))
    print("\n".join(content_lines(prepared)))


if __name__ == "__main__":
    run_stage("prepare", main)
