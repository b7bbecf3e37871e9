"""Downloads, verifies, splits and stores the data set → data/prepared/."""

from vaeline.data.datasets import DATASETS
from vaeline.data.storing import store, summary
from vaeline.files import write_json
from vaeline.params import Handed
from vaeline.stage import run, workspace


def main(params: Handed) -> None:
    dataset = DATASETS.build(params.data, raw=workspace() / "data" / "raw")
    prepared = store(dataset, "data/prepared")
    write_json("outputs/prepare/metrics.json", summary(prepared))
    sizes = f"{len(prepared.train)} train, {len(prepared.valid)} valid, {len(prepared.test)} test"
    print(f"{prepared.name}: {sizes} images of {prepared.shape} in data/prepared")


if __name__ == "__main__":
    run("prepare", main)
