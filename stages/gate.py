"""gate: fails where a finding that `gate` names is a problem; everything else is written by then."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.diagnosis.finding import load_findings, problems
from vaeline.runtime.stage import run_stage

FINDINGS = Path("outputs/report/findings.json")
EVERY = "all"


def main(params: StageParams) -> None:
    wrong = problems(load_findings(FINDINGS))
    held = [found for found in wrong if found.name in params.gate or EVERY in params.gate]
    if held:
        said = "; ".join(f"{found.name} ({found.says}), try `{found.command}`" for found in held)
        raise VaelineError(f"{said}. All of it: {FINDINGS.parent}")
    print(f"passed: {', '.join(params.gate) or 'nothing is gated'}")


if __name__ == "__main__":
    run_stage("gate", main)
