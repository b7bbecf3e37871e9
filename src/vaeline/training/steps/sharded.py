"""The gradient of a step over several processes."""

from torch import Tensor
from torch.distributed import ReduceOp, all_reduce
from torch.nn.parallel import DistributedDataParallel

from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise
from vaeline.runtime import processes
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.terms import Terms
from vaeline.training.params import GradientParams
from vaeline.training.sharing import Share, reject_whole_batch
from vaeline.training.steps.gradients import Gradients, Loss


class ShardedGradients(Gradients):
    """The same over several processes, each of which has a share of the minibatch, to rounding.

    Raises VaelineError where the loss is no mean over examples: its parts would not add up.
    """

    def __init__(self, model: Model, objective: Objective, params: GradientParams) -> None:
        super().__init__(model, objective, params)
        reject_whole_batch(model, objective, str(dict(params.objective)["name"]), processes.size())
        device = next(model.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        whole = Loss(model, objective, params.precision)
        self.loss = DistributedDataParallel(whole, device_ids=ids, forward_sync_buffers=False)

    def _differentiated(
        self, x: Observations, beta: float | Tensor, noise: Noise, share: Share
    ) -> tuple[Terms, tuple[Tensor | None, ...]]:
        for parameter in self.parameters:
            parameter.grad = None
        terms = self.loss(x, beta, noise)
        # The wrapper takes the mean over processes, whatever the weight that each has.
        weight = share.weight * processes.size() * (share.total if self.summed else 1)
        (terms.loss * weight).backward()
        return terms, tuple(parameter.grad for parameter in self.parameters)

    def _counted(self, terms: Terms, share: Share) -> tuple[Tensor, Tensor, Tensor]:
        rows = len(terms.distortion)
        sums, _, max_variance = super()._counted(terms, Share.whole(rows))
        sums *= share.weight * share.total / rows  # 1, but where all have the same examples
        all_reduce(sums)
        all_reduce(max_variance, ReduceOp.MAX)
        return sums, (sums[1] / sums[0]).to(terms.loss.dtype), max_variance
