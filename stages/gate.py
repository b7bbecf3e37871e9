"""gate: fails on a finding that `gate` in params.yaml names; a run that passes is registered in MLflow."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json
from vaeline.core.params import StageParams
from vaeline.diagnosis.finding import load_findings, problems
from vaeline.provenance.origin import experiment_tags
from vaeline.runtime.stage import run_stage

REPORT = Path("outputs/report")
FINDINGS = REPORT / "findings.json"
EVERY = "all"


def main(params: StageParams) -> None:
    gated: list[str] = params.gate
    failed = [
        problem for problem in problems(load_findings(FINDINGS)) if problem.name in gated or EVERY in gated
    ]
    if failed:
        reasons = "; ".join(f"{problem.name} ({problem.says}), try `{problem.command}`" for problem in failed)
        raise VaelineError(f"{reasons}. See {REPORT}")
    print(f"passed: {', '.join(gated) or 'no finding is gated'}")
    if params.register_as:
        print(f"registered: {register(params.register_as)}")


def register(name: str) -> str:
    from vaeline.tracking.registration import Candidate, register_model  # MLflow takes seconds to import

    summary = read_json(REPORT / "summary.json")
    training_run = summary["training"]["run_id"]
    candidate = Candidate(summary["params"], summary["metrics"], training_run, experiment_tags())
    return register_model(name, candidate)


if __name__ == "__main__":
    run_stage("gate", main)
