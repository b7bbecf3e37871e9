"""gate: fails on a finding that `gate` in params.yaml names, after everything else is written."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.diagnosis.finding import load_findings, problems
from vaeline.runtime.stage import run_stage

FINDINGS = Path("outputs/report/findings.json")
EVERY = "all"


def main(params: StageParams) -> None:
    gated: list[str] = params.gate
    failed = [
        problem for problem in problems(load_findings(FINDINGS)) if problem.name in gated or EVERY in gated
    ]
    if failed:
        reasons = "; ".join(f"{problem.name} ({problem.says}), try `{problem.command}`" for problem in failed)
        raise VaelineError(f"{reasons}. See {FINDINGS.parent}")
    print(f"passed: {', '.join(gated) or 'no finding is gated'}")


if __name__ == "__main__":
    run_stage("gate", main)
