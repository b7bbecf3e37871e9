"""Small trainings on real digits, and objectives that go wrong when they are told to."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tests.support import small
from tests.support.small import config, digits, vae
from vaeline.core.params import StageParams
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.training.fit import fit
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.terms import Terms
from vaeline.training.record import Record
from vaeline.training.state import Training

N = 130  # in batches of 50: the last has 30
STEPS = 3
VALID = digits(240)[200:] // 128 * 255


def started(params: StageParams, objective: Objective | None = None, n: int = N) -> Training:
    torch.manual_seed(params.seed)
    model = vae(**params.to_dict())
    return Training.start(model, objective or small.objective(params, n), params, n)


def trained(objective: Objective | None = None, n: int = N, **changes: Any) -> tuple[Training, list[Record]]:
    params = config(**changes)
    training = started(params, objective, n)
    return training, list(fit(training, digits(n), VALID, params))


def after_each_update(training: Training, look: Callable[[], object]) -> None:
    """Has `look` called after each update of the weights."""
    update = training.optimizer.update

    def followed() -> None:
        update()
        look()

    training.optimizer.update = followed


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in training.model.state_dict().items()}


def equal(one: Any, other: Any) -> bool:
    """Returns whether two nested states are the same bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


class FromFunction(Objective):
    """An objective that is what `function` says, given model, x, β and noise."""

    def __init__(self, function: Callable[[Model, torch.Tensor, float, Noise], Terms]) -> None:
        super().__init__()
        self.function = function

    def forward(self, model: Model, x: torch.Tensor, beta: float, noise: Noise = global_noise) -> Terms:
        return self.function(model, x, beta, noise)


class Watching(Objective):
    """The real objective, which also lets `change` see each step's number, batch, β and terms."""

    def __init__(self, change: Callable[..., Terms | None], **changes: Any) -> None:
        super().__init__()
        self.change, self.step = change, -1
        self.real = small.objective(config(**changes), N)

    def forward(self, model: Model, x: torch.Tensor, beta: float, noise: Noise = global_noise) -> Terms:
        self.step += 1
        terms = self.real(model, x, beta, noise)
        return self.change(self.step, x, beta, terms) or terms


class Guessing(Objective):
    """The real objective, which also learns to guess the mean distortion: a parameter of its own."""

    def __init__(self, spoilt: int | None = None, **changes: Any) -> None:
        super().__init__()
        self.real, self.spoilt, self.step = small.objective(config(**changes), N), spoilt, -1
        self.guess = nn.Parameter(torch.tensor([20.0]))
        self.frozen = nn.Parameter(torch.zeros(2), requires_grad=False)

    def forward(self, model: Model, x: torch.Tensor, beta: float, noise: Noise = global_noise) -> Terms:
        self.step += 1
        terms = self.real(model, x, beta, noise)
        error = (self.guess - terms.distortion.detach().mean()).square().sum()
        loss = terms.loss + error * (math.nan if self.step == self.spoilt else 1)
        return Terms(loss, terms.distortion, terms.kl, terms.max_variance)


def failing(*steps: int, kind: float = math.nan) -> Watching:
    """Returns an objective whose loss is NaN (or another `kind`) at `steps`, gradient included."""
    return Watching(
        lambda step, _x, _beta, terms: (
            Terms(terms.loss * kind, terms.distortion * kind, terms.kl, terms.max_variance)
            if step in steps
            else None
        )
    )


def record(epoch: int, valid_elbo: float) -> Record:
    numbers = dict.fromkeys(Record.__dataclass_fields__, 0.0)
    others = {"epoch": epoch, "valid_elbo": valid_elbo, "kl_per_dim": (), "alerts": (), "stopped": ""}
    return Record(**numbers | others)
