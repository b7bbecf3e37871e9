"""One pass over the training images, and the look at the validation split after it."""

import math
import sys
from typing import Any

import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.data.augmentation import Augmentation
from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.observing import observe
from vaeline.runtime.seeding import own_noise
from vaeline.training.gradients import Gradients
from vaeline.training.record import Record
from vaeline.training.schedules import kl_weight
from vaeline.training.state import Training

LOG_EVERY = 100  # steps between two looks at the device: each look waits for it
VALIDATION_SEED = 0  # the same noise each epoch, so that epochs differ by their weights alone
ADVICE = "lower learning_rate, set grad_clip: 1.0, or narrow posterior.diagonal.log_var_min and log_var_max"


class TrainingDivergedError(VaelineError):
    """Too many updates were not finite numbers."""


class Epoch:
    """One pass over the training images; nothing waits for the device but every LOG_EVERY steps."""

    def __init__(
        self, training: Training, gradients: Gradients, config: Any, steps: int, progress: Any
    ) -> None:
        self.training, self.gradients = training, gradients
        self.config, self.progress = config, progress
        self.augment = Augmentation(config)
        self.warmup_steps = config.kl_warmup_epochs * steps
        self.total_steps = config.epochs * steps
        self.cycles = config.kl_cycles if config.kl_schedule == "cyclical" else 1
        self.device = next(training.model.parameters()).device
        self.totals: Tensor | float = 0.0
        self.watched: list[Tensor] = []
        self.alerts: list[str] = []

    @property
    def beta(self) -> float:
        """The weight of the KL at the step to come."""
        weight = kl_weight(self.training.step, self.warmup_steps, self.total_steps, self.cycles)
        return self.config.beta * weight

    def run(self, images: Observations) -> None:
        """Trains on every image once; raises TrainingDivergedError."""
        self.training.model.train()
        generator, n = self.training.generator, len(images)
        order = (
            torch.randperm(n, generator=generator, device=generator.device)
            if self.config.shuffle
            else torch.arange(n)
        )
        for index in order.to(images.device).split(self.config.batch_size):
            batch = self.augment(images.index_select(0, index), generator)
            x = observe(self.training.model, batch, generator)
            self.last_beta = self.beta
            self._update(x.to(self.device))
            if len(self.watched) == LOG_EVERY:
                self._look()
        self._look()

    def _update(self, x: Observations) -> None:
        training = self.training
        found = self.gradients(x, self.last_beta)
        for parameter, gradient in zip(self.gradients.parameters, found.gradients, strict=True):
            parameter.grad = gradient
        # The hook of mixed-precision training: the fused update does nothing where found_inf is 1, on the
        # device itself, without waiting for it.
        training.optimizer.found_inf = found.failed
        self.last_rate = training.optimizer.param_groups[0]["lr"]
        training.optimizer.step()
        training.scheduler.step()
        training.step += 1
        self.totals += found.sums
        self.watched.append(found.seen)

    def _look(self) -> None:
        if not self.watched:
            return
        losses, variances, failed = torch.stack(self.watched).T.tolist()
        first = self.training.step - len(self.watched) + 1
        self.watched = []
        self.training.skipped += int(sum(failed))
        self._alert(self.training.monitor.steps(first, losses, variances))
        self.progress.update(len(losses))
        self.progress.set_postfix(epoch=self.training.epoch + 1, loss=f"{losses[-1]:.1f}", refresh=False)
        if self.training.skipped > self.config.max_skipped_updates:
            raise TrainingDivergedError(
                f"{self.training.skipped} updates up to step {self.training.step} were NaN or infinite and "
                f"were skipped (max_skipped_updates): {ADVICE}"
            )

    def _alert(self, alerts: list[str]) -> None:
        # Written at once: a training that diverges leaves no record of its last epoch.
        self.alerts += alerts
        for alert in alerts:
            self.progress.write(f"! {alert}", file=sys.stderr)

    def record(self, valid: Observations) -> Record:
        """Returns the epoch's record, with the β = 1 ELBO of the validation images."""
        training = self.training
        training.model.eval()
        with own_noise(VALIDATION_SEED):
            terms = elbo_terms(training.model, valid)
        distortion, rate = terms.distortion.double().mean().item(), terms.rate.double().mean().item()
        elbo = Estimate.of(terms.elbo)
        count, loss, recon, *kl = self.totals.tolist()
        if count == 0 or not math.isfinite(elbo.mean):
            raise TrainingDivergedError(f"epoch {training.epoch} ends without a finite ELBO: {ADVICE}")
        kl_per_dim = tuple(value / count for value in kl)
        self._alert(training.monitor.epoch(training.epoch, kl_per_dim))
        return Record(
            epoch=training.epoch,
            step=training.step,
            beta=self.last_beta,
            learning_rate=self.last_rate,
            train_loss=loss / count,
            train_recon=recon / count,
            train_kl=sum(kl_per_dim),
            valid_loss=distortion + self.last_beta * rate,
            valid_recon=distortion,
            valid_kl=rate,
            valid_elbo=elbo.mean,
            valid_elbo_se=elbo.se,
            skipped_updates=training.skipped,
            spikes=training.monitor.spikes,
            largest_variance=training.monitor.largest_variance,
            kl_per_dim=kl_per_dim,
            alerts=tuple(self.alerts),
        )
