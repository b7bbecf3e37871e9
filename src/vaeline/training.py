"""Training: `fit` yields one record an epoch, and knows neither the disk nor MLflow."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from vaeline.errors import VaelineError
from vaeline.estimators.bounds import elbo_terms
from vaeline.estimators.estimate import Estimate
from vaeline.monitor import Monitor
from vaeline.progress import bar
from vaeline.schedules import LR_SCHEDULES, kl_weight
from vaeline.seeding import own_noise

LOG_EVERY = 100  # steps between two looks at the device: each look waits for it
VALIDATION_SEED = 0  # the same noise each epoch, so that epochs differ by their weights alone


class TrainingDivergedError(VaelineError):
    """Too many updates were not finite numbers."""


@dataclass(frozen=True)
class Record:
    """One epoch: means over examples in nats an image. `train_loss` is what was minimised, tricks and all.

    `valid_elbo` is the β = 1 bound that checkpoints are selected on; `valid_loss` has this epoch's β.
    """

    epoch: int
    step: int
    beta: float
    learning_rate: float
    train_loss: float
    train_recon: float
    train_kl: float
    valid_loss: float
    valid_recon: float
    valid_kl: float
    valid_elbo: float
    valid_elbo_se: float
    skipped_updates: int
    kl_per_dim: tuple[float, ...]
    alerts: tuple[str, ...] = ()


@dataclass
class Training:
    """Everything that changes while a model trains; `state_dict` is enough to go on bit for bit."""

    model: nn.Module
    objective: Any
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    monitor: Monitor = field(default_factory=Monitor)
    epoch: int = 0
    step: int = 0
    skipped: int = 0

    @classmethod
    def start(cls, model: nn.Module, objective: Any, config: Any, n_images: int) -> "Training":
        """Returns a training at its first step. `config` is that of the train stage."""
        optimizer = torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        steps = config.epochs * math.ceil(n_images / config.batch_size)
        scheduler = LR_SCHEDULES[config.lr_schedule](optimizer, config.learning_rate, steps)
        generator = torch.Generator().manual_seed(config.seed)
        return cls(model, objective, optimizer, scheduler, generator)

    def state_dict(self) -> dict[str, Any]:
        """Returns the state, in types that `torch.load(weights_only=True)` reads."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "monitor": self.monitor.state_dict(),
            "position": {"epoch": self.epoch, "step": self.step, "skipped": self.skipped},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts the training back to where `state_dict` found it."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        self.monitor.load_state_dict(state["monitor"])
        self.epoch, self.step, self.skipped = (state["position"][k] for k in ("epoch", "step", "skipped"))


def fit(training: Training, images: Tensor, valid: Tensor, config: Any) -> Iterator[Record]:
    """Trains from where `training` stands to `config.epochs`, yielding a record after each epoch.

    `images` are the likelihood's training set and `valid` its evaluation set of the validation split, both
    uint8 [N, C, H, W]. Raises TrainingDivergedError after more than `config.max_skipped_updates` updates
    whose loss or gradient was not finite.
    """
    steps = math.ceil(len(images) / config.batch_size)
    with bar(total=config.epochs * steps, initial=training.step, desc="train", unit="step") as progress:
        while training.epoch < config.epochs:
            epoch = _Epoch(training, config, steps, progress)
            epoch.run(images)
            training.epoch += 1
            yield epoch.record(valid)


class _Epoch:
    """One pass over the training images; nothing waits for the device but every LOG_EVERY steps."""

    def __init__(self, training: Training, config: Any, steps: int, progress: Any) -> None:
        self.training, self.config, self.progress = training, config, progress
        self.warmup_steps = config.kl_warmup_epochs * steps
        self.total_steps = config.epochs * steps
        self.cycles = config.kl_cycles if config.kl_schedule == "cyclical" else 1
        self.device = next(training.model.parameters()).device
        self.totals = torch.zeros((), dtype=torch.float64, device=self.device)
        self.watched: list[Tensor] = []
        self.alerts: list[str] = []

    @property
    def beta(self) -> float:
        weight = kl_weight(self.training.step, self.warmup_steps, self.total_steps, self.cycles)
        return self.config.beta * weight

    def run(self, images: Tensor) -> None:
        self.training.model.train()
        order = torch.randperm(len(images), generator=self.training.generator)
        for index in order.split(self.config.batch_size):
            x = self.training.model.likelihood.observe(images[index], self.training.generator)
            self.last_beta = self.beta
            self._update(x.to(self.device))
            if len(self.watched) == LOG_EVERY:
                self._look()
        self._look()

    def _update(self, x: Tensor) -> None:
        training = self.training
        training.optimizer.zero_grad()
        terms = training.objective(training.model, x, self.last_beta)
        terms.loss.backward()
        gradients = [p.grad for p in training.model.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        if self.config.grad_clip > 0:
            clip_grads_with_norm_(training.model.parameters(), self.config.grad_clip, norm)
        failed = ~torch.isfinite(norm + terms.loss.detach())
        # The hook of mixed-precision training: the fused update does nothing where found_inf is 1, on the
        # device itself, without waiting for it.
        training.optimizer.found_inf = failed.to(torch.float32)
        training.optimizer.step()
        training.scheduler.step()
        training.step += 1
        self._count(terms, len(x), failed)

    def _count(self, terms: Any, n: int, failed: Tensor) -> None:
        loss = terms.loss.detach()
        sums = torch.stack([torch.ones_like(loss) * n, loss * n, terms.distortion.detach().sum()])
        sums = torch.cat([sums, terms.kl.detach().sum(0)]).double()
        self.totals = self.totals + torch.where(failed, 0.0, sums)
        self.watched.append(torch.stack([loss, terms.max_variance, failed.to(loss.dtype)]))

    def _look(self) -> None:
        if not self.watched:
            return
        losses, variances, failed = torch.stack(self.watched).T.tolist()
        first = self.training.step - len(self.watched) + 1
        self.watched = []
        self.training.skipped += int(sum(failed))
        self.alerts += self.training.monitor.steps(first, losses, variances)
        self.progress.update(len(losses))
        self.progress.set_postfix(epoch=self.training.epoch + 1, loss=f"{losses[-1]:.1f}", refresh=False)
        if self.training.skipped > self.config.max_skipped_updates:
            raise TrainingDivergedError(
                f"{self.training.skipped} updates up to step {self.training.step} were NaN or infinite and "
                "were skipped (max_skipped_updates): lower learning_rate, set grad_clip: 1.0, or narrow "
                "posterior.diagonal.log_var_min and log_var_max"
            )

    def record(self, valid: Tensor) -> Record:
        training = self.training
        training.model.eval()
        with own_noise(VALIDATION_SEED):
            terms = elbo_terms(training.model, valid)
        distortion, rate = terms.distortion.double().mean().item(), terms.rate.double().mean().item()
        elbo = Estimate.of(terms.elbo)
        count, loss, recon, *kl = self.totals.tolist()
        count = max(count, 1.0)
        kl_per_dim = tuple(value / count for value in kl)
        self.alerts += training.monitor.epoch(training.epoch, kl_per_dim)
        return Record(
            epoch=training.epoch,
            step=training.step,
            beta=self.last_beta,
            learning_rate=training.optimizer.param_groups[0]["lr"],
            train_loss=loss / count,
            train_recon=recon / count,
            train_kl=sum(kl_per_dim),
            valid_loss=distortion + self.last_beta * rate,
            valid_recon=distortion,
            valid_kl=rate,
            valid_elbo=elbo.mean,
            valid_elbo_se=elbo.se,
            skipped_updates=training.skipped,
            kl_per_dim=kl_per_dim,
            alerts=tuple(self.alerts),
        )
