"""Which way a training computes its gradients."""

from vaeline.models.contracts import Model
from vaeline.runtime import processes
from vaeline.training.objectives.objective import Objective
from vaeline.training.params import GradientParams
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients
from vaeline.training.steps.sharded import ShardedGradients

COMPILED_FROM = 10_000  # steps: fewer do not win back the seconds that compiling takes


def gradients(model: Model, objective: Objective, params: GradientParams, steps: int) -> Gradients:
    """Returns the gradients of a training of so many `steps`, each a minibatch, in all.

    Over several processes where there are several, else compiled if `params.compile` says so. By itself it
    says so on a CPU alone: on a GPU updates are captured, see `captured`, which gains more and takes no time.
    """
    if processes.size() > 1:
        return ShardedGradients(model, objective, params)
    long = steps >= COMPILED_FROM and next(model.parameters()).device.type == "cpu"
    compiled = params.compile == "always" or (params.compile == "auto" and long)
    return (CompiledGradients if compiled else Gradients)(model, objective, params)
