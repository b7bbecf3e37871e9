import json

from mlflow.data.schema import TensorDatasetSchema

from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
from vaeline.tracking.runs.inputs import PUBLISHED_SOURCES, run_inputs


def test_each_split_is_an_input_with_digest_and_source(tmp_path):
    prepared = store(DATASETS.build({"name": "digits"}, raw=None), tmp_path)
    train, valid, test = run_inputs(prepared)
    assert [split.context for split in (train, valid, test)] == ["training", "validation", "testing"]
    assert train.name == "digits train"
    assert prepared.hashes["train_values.npy"].startswith(train.digest)
    assert json.loads(test.source)["sha256"] == prepared.hashes["test_values.npy"]
    assert json.loads(train.profile) == {"num_rows": 1200, "num_elements": 1200 * 64}
    (images,) = TensorDatasetSchema.from_dict(json.loads(valid.schema)).features.inputs
    assert (images.type.name, images.shape) == ("uint8", (-1, 1, 8, 8))


def test_source_is_the_published_address_or_the_folder(tmp_path):
    own = {"image_folder", "arrays", "table", "huggingface"}
    assert PUBLISHED_SOURCES.keys() == set(DATASETS) - {"sprites"} - own
    options = {"name": "sprites", "train_size": 100, "valid_size": 20}
    unpublished = store(DATASETS.build(options, raw=None), tmp_path)
    assert run_inputs(unpublished)[0].source_type == "local"
    assert json.loads(run_inputs(unpublished)[0].source)["uri"] == str(tmp_path)
