"""What a training is made of, and what it takes to go on with it."""

import math
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from vaeline.models.contracts import Model
from vaeline.training.monitor import Monitor
from vaeline.training.objectives.objective import Objective
from vaeline.training.optimizers.catalog import OPTIMIZERS
from vaeline.training.optimizers.skipping import SkippingOptimizer
from vaeline.training.params import OptimizerParams
from vaeline.training.schedules import LR_SCHEDULES

POSITION = ("epoch", "step", "skipped")


@dataclass
class Training:
    """Everything that changes while a model trains; `state_dict` is enough to resume bit for bit.

    `seconds`, the time spent in epochs, is not part of it: no two trainings have the same.
    """

    model: Model
    objective: Objective
    optimizer: SkippingOptimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    monitor: Monitor = field(default_factory=Monitor)
    epoch: int = 0
    step: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @classmethod
    def start(cls, model: Model, objective: Objective, params: OptimizerParams, n_images: int) -> Self:
        """Returns a training on that many images, at its first step."""
        # First of all, since an optimizer's state is loaded to where its weights are.
        objective.to(next(model.parameters()).device)
        of_both = list(model.parameters()), list(objective.learned().values())
        optimizer = OPTIMIZERS.build(
            params.optimizer,
            parameters=[{"params": parameters} for parameters in of_both if parameters],
            learning_rate=params.learning_rate,
            weight_decay=params.weight_decay,
        )
        steps = math.ceil(n_images / params.batch_size)
        scheduler = LR_SCHEDULES[params.lr_schedule](optimizer, params.epochs, steps)
        return cls(model, objective, optimizer, scheduler)

    def state_dict(self) -> dict[str, Any]:
        """Returns the state, in types that `torch.load(weights_only=True)` reads."""
        return {
            "model": self.model.state_dict(),
            "objective": self.objective.learned_state(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "monitor": self.monitor.state_dict(),
            "position": {name: getattr(self, name) for name in POSITION},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts the training back to where `state_dict` found it."""
        self.model.load_state_dict(state["model"])
        self.objective.load_learned_state(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.monitor.load_state_dict(state["monitor"])
        for name in POSITION:
            setattr(self, name, state["position"][name])
