"""evaluate: ELBO, IWAE-K and reconstruction errors on the test split, each with its standard error."""

from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_json
from vaeline.data.prepared import Prepared
from vaeline.evaluation.evaluate import measure_test, metrics_of
from vaeline.evaluation.looseness import bound_lines, iwae_curve
from vaeline.evaluation.params import EvaluateParams
from vaeline.evaluation.per_image import write_bounds
from vaeline.models import checkpoints
from vaeline.reporting.plots.curves import bounds_over_k
from vaeline.runtime import processes
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/evaluate")


def main(params: EvaluateParams) -> None:
    set_seed(params.seed)
    model = checkpoints.load_selected(params.select).to(device(params.device))
    data = Prepared.open()
    measured = measure_test(model, data, params)
    if not processes.leads():
        return
    metrics = metrics_of(model, data, params, measured)
    curve = iwae_curve(measured.bounds)
    write_csv(OUTPUT / "iwae_over_k.csv", curve)
    write_bounds(OUTPUT / "iwae_per_image.npz", measured.bounds.iwae)
    write_figure(OUTPUT / "plots" / "iwae_over_k.png", bounds_over_k(curve))
    write_json(OUTPUT / "metrics.json", metrics)
    print("\n".join(bound_lines(metrics)))


if __name__ == "__main__":
    run_stage("evaluate", main, shared=True)
