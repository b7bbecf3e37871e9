"""What determines a stage's result, as a hash: its params, and the files that dvc.yaml says it depends on."""

import hashlib
import json
from pathlib import Path

from vaeline.core.params import StageParams, read_yaml


def fingerprint(stage: str, params: StageParams, pipeline: Path | str = "dvc.yaml") -> str:
    """Returns 16 hexadecimal digits, equal for two runs of `stage` that must give the same result."""
    digest = hashlib.sha256(json.dumps(params.to_dict(), sort_keys=True).encode())
    for dependency in read_yaml(pipeline)["stages"][stage]["deps"]:
        path = Path(dependency)
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            digest.update(file.as_posix().encode())
            if file.is_file():
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
