"""The table of models, built with the context that `contracts.Model` lists; and what chosen parts read.

A param that no chosen part reads, such as `hidden_dim` beside a convolutional network, is worth a line.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaeline.core.params import Hyperparameters, flatten_params
from vaeline.core.registry import Table
from vaeline.models.conditional import ConditionalVAE
from vaeline.models.contracts import Model
from vaeline.models.ladder import LadderVAE
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS
from vaeline.models.two_layer import TwoLayerVAE
from vaeline.models.vae import VAE
from vaeline.models.vq import VQVAE

MODELS = (
    Table[Model]("model")
    .add("vae", VAE)
    .add("two_layer", TwoLayerVAE)
    .add("ladder", LadderVAE)
    .add("conditional", ConditionalVAE)
    .add("vq", VQVAE)
)

OF_MODELS: Sequence[Table[Any]] = (NETWORKS, POSTERIORS, PRIORS, LIKELIHOODS)
"""The parts that a model is built from; its class declares which of them it reads."""
FLAT_SIZES = {"hidden_dim": "network", "latent_dim": "model"}
"""Flat params that not every part reads, and the section whose part decides."""

CONDITIONAL = {
    "kl_cycles": ("kl_schedule", "cyclical"),
    "lr_plateau_patience": ("lr_schedule", "plateau"),
    "lr_plateau_factor": ("lr_schedule", "plateau"),
}
"""Flat params that count only beside a certain value of another."""


def read_params(params: Mapping[str, Any], more: Sequence[Table[Any]] = ()) -> frozenset[str]:
    """Returns what the chosen parts read: `hidden_dim`, `latent_dim`, and keys of sections (`network.mlp`).

    Args:
        params: nested params, with a section for each table.
        more: tables besides those of models and their parts.
    """
    model = MODELS[params["model"]["name"]]
    tables = [
        table for table in (*OF_MODELS, *more) if table not in OF_MODELS or table.section in model.reads
    ]
    names = {f"{table.section}.name" for table in (MODELS, *tables)}
    of_parts = (table.reads(params[table.section]["name"]) for table in (MODELS, *tables))
    # A part's latent_dim is that of its layer, which its model decides.
    return frozenset(names.union(*of_parts) - {"latent_dim"}).union(model.reads)


def unread_params(params: Mapping[str, Any], more: Sequence[Table[Any]] = ()) -> list[str]:
    """Returns a line for each param that is not at its default, and that no chosen part reads.

    The arguments are those of `read_params`.
    """
    read, default = read_params(params, more), Hyperparameters()
    flat = [
        _line(key, section, params)
        for key, section in FLAT_SIZES.items()
        if key not in read and params[key] != getattr(default, key)
    ]
    flat += [
        f"{key} plays no part with {other} = '{params[other]}'"
        for key, (other, needed) in CONDITIONAL.items()
        if params.get(other, needed) != needed and params.get(key) != getattr(default, key)
    ]
    return flat + [line for table in (MODELS, *OF_MODELS, *more) for line in _of_section(table, params, read)]


def _of_section(table: Table[Any], params: Mapping[str, Any], read: frozenset[str]) -> Iterator[str]:
    defaults = flatten_params({table.section: table.Section().model_dump()})
    decides = table.section if f"{table.section}.name" in read else "model"
    for key, value in flatten_params({table.section: params[table.section]}).items():
        option = ".".join(key.split(".")[:2])
        if option not in read and value != defaults.get(key, value):
            yield _line(key, decides, params)


def _line(key: str, section: str, params: Mapping[str, Any]) -> str:
    return f"{key} plays no part with {section}.name = '{params[section]['name']}'"
