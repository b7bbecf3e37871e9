"""The file of a search: what it may say, and what is refused before anything runs."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from vaeline.core.errors import VaelineError
from vaeline.experiments.search.space import SearchSpace


@pytest.fixture
def read(tmp_path, at_the_root):
    def space(shared=(), **content):
        path = tmp_path / "space.yaml"
        path.write_text(yaml.safe_dump(content))
        return SearchSpace.read(path, shared)

    return space


def test_grid_has_every_combination_and_whole_numbers_stay_whole(read):
    space = read(params={"beta": [0.5, 2.0], "latent_dim": {"low": 2, "high": 6, "step": 2}}, sampler="grid")
    grid = space.grid()
    assert len(grid) == 6
    assert grid[0] == {"beta": 0.5, "latent_dim": 2}
    assert {type(changes["latent_dim"]) for changes in grid} == {int}
    assert space.params(grid[-1])["latent_dim"] == 6


def test_steps_of_a_tenth_end_where_they_should(read):
    space = read(params={"beta": {"low": 0.1, "high": 0.3, "step": 0.1}}, sampler="grid")
    assert space.values("beta") == pytest.approx([0.1, 0.2, 0.3])


def test_what_all_trials_share_is_in_the_overrides_and_set_wins(read):
    space = read(
        ["epochs=7"],
        params={"beta": [1.0]}, fixed={"epochs": 3, "data": {"name": "digits"}}, sampler="grid",
    )  # fmt: skip
    assert space.overrides({"beta": 1.0}) == ("data.name=digits", "epochs=7", "beta=1")
    assert space.base["data"]["name"] == "digits"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"trails": 3}, "unknown key 'trails' (did you mean 'trials'?)"),
        ({"params": {"betta": [1.0]}}, "unknown key 'betta' (did you mean 'beta'?)"),
        ({"fixed": {"epoch": 3}}, "unknown key 'epoch' (did you mean 'epochs'?)"),
        ({"fixed": {"beta": 3.0}}, "beta varies and is set for all"),
        ({"params": {"beta": 4}}, "params.beta = 4 is not allowed: use a list of values, or low and high"),
        ({"params": {"beta": []}}, "params.beta has no values"),
        ({"params": {"beta": {"low": 2, "high": 1}}}, "low should be less than high"),
        ({"params": {"beta": {"low": 0, "high": 1, "log": True}}}, "log needs low > 0"),
        ({"params": {"beta": {"low": 0, "high": 1, "lag": True}}}, "unknown key 'params.beta.lag'"),
        ({"sampler": "grid"}, "random and tpe need trials, and a grid has its own number"),
        ({"sampler": "grid", "trials": None, "params": {"beta": {"low": 0, "high": 1}}}, "endless values"),
        ({"sampler": "bayes"}, "sampler = 'bayes' is not allowed"),
        ({"objectives": {"elbo": "maximize"}}, "'elbo' is no metric, such as evaluate/elbo"),
        (
            {
                "pruner": "asha",
                "objectives": {"evaluate/rate": "minimize", "evaluate/distortion": "minimize"},
            },
            "asha needs a single objective",
        ),
    ],
)
def test_wrong_file_is_one_line_that_names_it(read, tmp_path, content, message):
    with pytest.raises(VaelineError) as caught:
        read(**{"params": {"beta": [1.0, 2.0]}, "trials": 3} | content)
    assert str(caught.value).startswith(f"{tmp_path}/space.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_invalid_trials_are_refused_with_their_number(read):
    space = read(params={"beta": [1.0, -1.0], "latent_dim": [2, 0, 4]}, sampler="grid")
    with pytest.raises(
        VaelineError, match=r"4 of 6 trials are invalid, the first is trial 2 \(beta=1 latent_dim=0\): "
    ):
        space.check(space.grid())


def test_ends_of_ranges_are_checked_before_tpe_proposes_what_is_between(read):
    space = read(params={"beta": {"low": -1, "high": 1}, "latent_dim": [2]}, trials=3)
    with pytest.raises(VaelineError, match="1 of 2 trials are invalid"):
        space.check(list(space.corners()))


def test_example_is_valid(at_the_root):
    space = SearchSpace.read(Path("examples/space.yaml"))
    space.check(list(space.corners()))
    assert space.base["data"]["name"] == "digits"
    assert (ROOT / space.path).is_file()
