"""Whether a measured negative log-likelihood reproduces a published one."""

from collections.abc import Mapping

from vaeline.evaluation.params import TargetParams


def target_verdict(metrics: Mapping[str, float], params: TargetParams) -> dict[str, float | str]:
    """Returns the NLL, −`iwae` in nats, with its error, and if a target is published, the verdict.

    The rule `within` allows a difference of `target_tolerance` nats to either side, `at_most` only above the
    target. Both values are for the same test images, so that the choice of images adds nothing to the
    difference.
    """
    nll = -metrics["iwae"]
    measured: dict[str, float | str] = {"nll": nll, "nll_se": metrics["iwae_se"]}
    if params.target_nll is None:
        return measured
    difference = nll - params.target_nll
    distance = abs(difference) if params.target_rule == "within" else difference
    passed = distance <= params.target_tolerance
    return measured | {
        "target_nll": params.target_nll,
        "nll_minus_target": difference,
        "verdict": "pass" if passed else "fail",
    }
