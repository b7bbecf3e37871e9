import json
import math
import random
from statistics import median

import pytest

from vaeline.training.steps.monitor import LARGE_VARIANCE, LOW_KL, SPIKE, WINDOW, Monitor


def watched(losses: list[float], monitor: Monitor | None = None, first: int = 1) -> list[str]:
    return (monitor or Monitor()).steps(first, losses, [1.0] * len(losses))


def noise(n: int, around: float, spread: float) -> list[float]:
    generator = random.Random(0)
    return [generator.gauss(around, spread) for _ in range(n)]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite_is_named_with_its_step(loss):
    (alert,) = watched([1.0, loss, 1.0], first=7)
    assert alert.startswith("step 8: the loss is ")
    assert str(loss) in alert


@pytest.mark.parametrize("around", [500.0, 0.0, -1200.0])
def test_spike_is_told_from_noise_for_losses_of_either_sign(around):
    losses = noise(5000, around, 3.0)
    assert watched(losses) == []
    losses[4000] = around + 60
    (alert,) = watched(losses)
    assert alert.startswith(f"step 4001: the loss spikes to {around + 60:.1f} (running median ")
    assert float(alert.split()[-1].strip(")")) == pytest.approx(around, abs=1.5)
    assert watched([*losses[:4000], around - 60]) == []


def test_falling_loss_and_warm_up_raise_no_alert():
    falling = [550 * math.exp(-step / 100) + 100 + n for step, n in enumerate(noise(2000, 0, 3))]
    rising = [100 + 25 * min(1, step / 1000) + n for step, n in enumerate(noise(2000, 0, 3))]
    assert watched(falling + rising) == []


@pytest.mark.parametrize("pieces", [1, 7, 100, 1000])
def test_spikes_are_those_of_medians_taken_before_each_step(pieces):
    losses = [value * (1 + 9 * (i % 37 == 36)) for i, value in enumerate(noise(1000, 100, 30))]
    losses[500] = math.nan
    spikes, recent = 0, []
    for loss in losses:
        if math.isfinite(loss):
            if len(recent) >= WINDOW:
                centre = median(recent[-WINDOW:])
                deviation = median(abs(value - centre) for value in recent[-WINDOW:])
                spikes += loss > centre + SPIKE * deviation
            recent.append(loss)
    monitor = Monitor()
    for start in range(0, len(losses), pieces):
        watched(losses[start : start + pieces], monitor, start + 1)
    assert monitor.spikes == spikes > 10
    assert monitor.recent == recent[-WINDOW:]


def test_no_spike_before_there_is_a_median():
    assert watched([100.0] * (WINDOW - 1) + [1e6]) == []
    assert len(watched([100.0] * WINDOW + [1e6])) == 1


def test_loss_that_is_not_finite_does_not_enter_the_median():
    monitor = Monitor()
    watched(noise(WINDOW, 100, 1) + [math.nan] * WINDOW, monitor)
    assert watched([101.0], monitor) == []
    assert len(watched([200.0], monitor)) == 1


def test_large_variance_raises_an_alert_each_time_it_appears():
    large = 2 * LARGE_VARIANCE
    alerts = Monitor().steps(1, [0.0] * 6, [1.0, large, large, LARGE_VARIANCE, large, 1.0])
    assert [alert.split(":")[0] for alert in alerts] == ["step 2", "step 5"]
    assert "200" in alerts[0]


def test_dead_dimensions_raise_an_alert_only_when_there_are_more():
    monitor, dead, live = Monitor(), LOW_KL / 2, LOW_KL * 2
    assert monitor.epoch(1, [live, live, live]) == []
    assert monitor.epoch(2, [dead, live, live]) == [
        "epoch 2: 1 of 3 latent dimensions carry less than 0.01 nats each"
    ]
    assert monitor.epoch(3, [dead, live, live]) == []
    assert monitor.epoch(4, [dead, dead, live])[0].startswith("epoch 4: 2 of 3")
    assert monitor.epoch(5, [live, live, live]) == []


def test_one_dead_dimension_beside_a_used_one_raises_an_alert():
    assert len(Monitor().epoch(1, [50.0, 0.0])) == 1


def test_restored_monitor_continues_as_one_that_never_stopped():
    losses, variances = noise(300, 100, 1), [1.0] * 300
    losses[150] = losses[250] = 500.0
    variances[120:180] = [1e3] * 60
    whole, parts = Monitor(), Monitor()
    expected = whole.steps(1, losses, variances) + whole.epoch(1, [0.0, 1.0]) + whole.epoch(2, [0.0, 1.0])
    seen = parts.steps(1, losses[:130], variances[:130]) + parts.epoch(1, [0.0, 1.0])
    again = Monitor()
    again.load_state_dict(json.loads(json.dumps(parts.state_dict())))
    seen += again.steps(131, losses[130:], variances[130:]) + again.epoch(2, [0.0, 1.0])
    assert sorted(seen) == sorted(expected)
    assert len(expected) == 4
