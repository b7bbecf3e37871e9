"""What the run of a training holds when it is opened."""

from collections.abc import Mapping
from typing import Any

from vaeline.data.prepared import Prepared
from vaeline.provenance.origin import origin_tags
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import run_inputs
from vaeline.tracking.runs.naming import part_tags, run_name


def training_content(params: Mapping[str, Any], data: Prepared) -> RunContent:
    """Returns its name, params, tags and inputs."""
    tags = origin_tags() | part_tags(params) | {"data": data.name}
    return RunContent(run_name(params), params, tags, inputs=run_inputs(data))
