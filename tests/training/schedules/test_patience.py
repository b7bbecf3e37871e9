from tests.support.small import config
from vaeline.training.schedules.patience import EarlyStopping, Patience


def exhausted(epochs: int, elbos: list[float]) -> list[bool]:
    patience = Patience(epochs)
    return [patience.exhausted(epoch, elbo) for epoch, elbo in enumerate(elbos, start=1)]


def test_patience_ends_when_so_many_epochs_have_not_been_better():
    assert exhausted(2, [-5, -4, -4, -4]) == [False, False, False, True]  # an equal one is no improvement
    assert exhausted(2, [-5, -6, -4, -6, -3]) == [False] * 5
    assert exhausted(1, [-5, -4, -4.5]) == [False, False, True]


def test_without_a_limit_it_never_ends():
    assert not any(exhausted(0, [-1.0] * 50))


def test_epochs_without_a_validation_count():
    patience = Patience(4)
    assert [patience.exhausted(epoch, elbo) for epoch, elbo in ((3, -5.0), (6, -6.0), (9, -6.0))][1:] == [
        False,
        True,
    ]


def test_early_stopping_says_why_and_from_when():
    stopping = EarlyStopping(config(patience=2))
    for epoch, elbo in enumerate([-5.0, -4.0, -4.5], start=1):
        stopping.observe(epoch, elbo)
    assert stopping.reason == ""
    again = EarlyStopping(config(patience=2))
    again.load_state_dict(stopping.state_dict())
    again.observe(4, -4.1)
    assert again.reason == (
        "stopped after epoch 4: the validation ELBO has not improved since epoch 2 (patience: 2)"
    )
