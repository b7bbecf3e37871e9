"""What determines a stage's result, as a hash: its params, and what dvc.yaml says it depends on."""

import hashlib
import json
from pathlib import Path

from vaeline.core.params import StageParams
from vaeline.core.yaml import read_yaml
from vaeline.provenance.dependencies import dependency_hash, stage_dependencies


def fingerprint(stage: str, params: StageParams, pipeline: Path | str = "dvc.yaml") -> str:
    """Returns 16 hexadecimal digits, equal for two runs of `stage` that must give the same result."""
    digest = hashlib.sha256(json.dumps(params.to_dict(), sort_keys=True).encode())
    for path in stage_dependencies(stage, read_yaml("params.yaml"), pipeline):
        digest.update(f"{path} {dependency_hash(path)}\n".encode())
    return digest.hexdigest()[:16]
