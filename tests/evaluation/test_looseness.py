import pytest
import torch

from vaeline.evaluation.estimators.bounds import ImportanceBounds, k_grid
from vaeline.evaluation.looseness import bound_lines, iwae_curve, iwae_looseness


def bounds(k: int, ess: float, gain: float, noise: float = 0.0) -> ImportanceBounds:
    """Returns bounds of 100 images whose last doubling gains `gain` ± noise/10, with this sample size."""
    ks = k_grid(k)
    values = torch.full((100, len(ks)), -90.0, dtype=torch.float64)
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(50)
    values[:, -1] += gain + noise * signs
    return ImportanceBounds(ks, values, torch.full((100,), ess, dtype=torch.float64))


@pytest.mark.parametrize(
    ("case", "signs"),
    [
        (bounds(5000, ess=400, gain=0.004), []),
        (bounds(5000, ess=400, gain=0.05, noise=1.0), []),  # no more than its noise
        (bounds(100, ess=100, gain=0.0), []),  # all samples count
        (bounds(100, ess=60, gain=0.0), []),
        (bounds(100, ess=40, gain=0.0), ["size is 40.0"]),
        (bounds(100, ess=4.5, gain=0.4, noise=0.1), ["size is 4.5", "gained 0.400 ± 0.010 nats"]),
        (bounds(100, ess=99, gain=0.4, noise=0.1), ["gained 0.400 ± 0.010 nats"]),
        (bounds(5000, ess=90, gain=0.0), ["size is 90.0"]),
        (bounds(1, ess=1, gain=0.0), ["size is 1.0"]),
    ],
)
def test_a_bound_is_loose_if_few_samples_count_or_doubling_them_helps(case, signs):
    metrics = iwae_looseness(case)
    assert metrics["iwae_loose"] == int(bool(signs))
    assert ("iwae_note" in metrics) == bool(signs)
    note = metrics.get("iwae_note", "")
    assert all(sign in note for sign in signs)
    assert ("sample size" in note, "last doubling" in note) == (
        any("size" in sign for sign in signs),
        any("gained" in sign for sign in signs),
    )


@pytest.mark.parametrize(
    ("k", "command"), [(50, "-S iwae_k=5000"), (4999, "-S iwae_k=5000"), (5000, "-S ais_images=100")]
)
def test_the_note_ends_with_a_command(k, command):
    note = iwae_looseness(bounds(k, ess=3.0, gain=0.0))["iwae_note"]
    assert note.startswith(f"IWAE-{k} is loose: ")
    assert f"`dvc exp run {command}`" in note
    assert "\n" not in note


def test_the_curve_has_a_row_for_each_k():
    two_ks = ImportanceBounds((1, 5), torch.tensor([[-4.0, -3.0], [-2.0, -1.0]]), torch.ones(2))
    assert iwae_curve(two_ks).to_dict("list") == {"k": [1, 5], "iwae": [-3.0, -2.0], "se": [1.0, 1.0]}


METRICS = {"iwae_k": 50, "images": 297, "elbo": -98.765, "elbo_se": 0.456, "iwae": -97.0, "iwae_se": 0.4}
AIS = {
    "ais_images": 20,
    "ais_minus_iwae": 0.731,
    "ais_minus_iwae_se": 0.052,
    "ais_acceptance": 0.651,
    "ais_ess": 9.87,
}


def test_bounds_are_one_line_with_another_for_ais_and_for_a_warning():
    first = "ELBO -98.77 ± 0.46, IWAE-50 -97.00 ± 0.40 nats on 297 test images"
    assert bound_lines(METRICS | {"ais_images": 0, "iwae_loose": 0}) == [first]
    with_ais = bound_lines(METRICS | AIS | {"iwae_loose": 1, "iwae_note": "IWAE-50 is loose: because"})
    assert with_ais == [
        first,
        "annealed importance sampling minus IWAE-50: 0.731 ± 0.052 nats on 20 of them (acceptance 0.65, "
        "effective sample size 9.9 of 16 chains)",
        "warning: IWAE-50 is loose: because",
    ]


def test_a_compressed_file_has_its_line():
    compressed = {"compressed_images": 30, "compressed_bits": 141.318}
    compressed |= {"compressed_bits_bound": 140.6, "compressed_bits_bound_se": 1.23}
    assert bound_lines(METRICS | compressed | {"ais_images": 0, "iwae_loose": 0})[1:] == [
        "30 images in a file: 141.32 bits each, −ELBO 140.6 ± 1.2 bits at the same z"
    ]
