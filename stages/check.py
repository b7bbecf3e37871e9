"""check: the pre-training checks on a real batch; a failed one stops the pipeline with its reason."""

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.data.draws import Draws
from vaeline.data.prepared import Prepared
from vaeline.evaluation.observing import observe, training_set
from vaeline.models.catalog import unread_params
from vaeline.models.checkpoints import model_facts
from vaeline.runtime.devices import device
from vaeline.runtime.launching import all_wanted
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage
from vaeline.training.build import build
from vaeline.training.checks import Check, checkpoint_check, pre_training_checks
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.sharing import reject_whole_batch


def main(params: StageParams) -> None:
    set_seed(params.seed)
    data = Prepared.open()
    data.verify()
    model, objective = build(params, data)
    for line in unread_params(params.to_dict(), [OBJECTIVES]):
        print(line)
    reject_whole_batch(model, objective, dict(params.objective)["name"], all_wanted())
    batch = training_set(model, data.train[: params.batch_size])
    x = observe(model, batch, Draws.of_seed(params.seed, len(batch)))
    checks = pre_training_checks(
        model, objective, x.to(device(params.device)), params.beta, params.learning_rate
    )
    checks.append(checkpoint_check(model, model_facts(params, data)))
    print_checks(checks)
    parameters = sum(p.numel() for p in model.parameters())
    write_json("outputs/check/metrics.json", {c.name: "passed" for c in checks} | {"parameters": parameters})


def print_checks(checks: list[Check]) -> None:
    for check in checks:
        print(f"{'✓' if check.passed else '✗'} {check.name}: {check.detail}")
    if failed := [check for check in checks if not check.passed]:
        raise VaelineError(f"the check '{failed[0].name}' failed: {failed[0].detail}")


if __name__ == "__main__":
    run_stage("check", main)
