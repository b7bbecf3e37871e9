"""The pictures of a page: sections, order, and captions, which are their alternative texts too."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vaeline.core.nouns import EXAMPLE, Noun

PICTURE_SECTIONS = {
    "Curves": {
        "training": "Loss, reconstruction and KL of training and validation {examples} over epochs, in nats "
        "per {example}",
        "iwae_over_k": "IWAE-K of test {examples} over K draws of z, in nats, with two standard errors",
    },
    "Reconstructions": {
        "column_errors": "Share of each column's variance that reconstructions leave unexplained",
        "reconstructions": "Validation {examples}, each above its reconstruction",
    },
    "Samples": {
        "samples": "Samples of the model, decoded from z drawn from the prior",
        "marginals": "Histograms of each column: validation rows, and samples x ~ p(x|z) at z ~ p(z)",
        "pairs": "Pairs of columns: validation rows below the diagonal, samples above it",
        "marginals_ex_post": "The same with z drawn from a mixture fitted to the training rows' z",
        "samples_by_class": "Samples of each class, decoded from z drawn from the prior",
        "samples_ex_post": "Samples decoded from z drawn from a mixture fitted to the training {examples}' z",
        "neighbours": "Samples, each above its nearest training {example} by pixel distance",
    },
    "Latent space": {
        "traversals": "One latent per row, from −3 to 3 standard deviations of q(z), the others fixed",
        "interpolations": "Interpolations between the latents of two {examples}, along a line and an arc",
        "latent_map": "Map of the latent means, coloured by class, with each class's name at its median",
        "kl_per_dimension": "KL of each latent dimension on validation {examples}, in nats, and the "
        "threshold of activity",
        "factors": "Information that each latent dimension has on each factor of the data, as a share of the "
        "factor's entropy",
    },
}
"""Captions by section and name of the picture, in the order of a page, with the words of a `Noun`."""
OTHER_PICTURES = "Other pictures"
"""The section of all other pictures, at the end."""


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption."""

    name: str
    caption: str
    png: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the PNG's header."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height

    @property
    def broad(self) -> bool:
        """Whether it needs the whole width of a page."""
        width, height = self.size
        return width > 2.5 * height


def picture_sections(pictures: Mapping[str, bytes], noun: Noun = EXAMPLE) -> dict[str, list[Picture]]:
    """Returns the pictures by section, without empty sections; `noun` is for the examples in captions."""
    sections = {title: _captioned(captions, pictures, noun) for title, captions in PICTURE_SECTIONS.items()}
    placed = {name for captions in PICTURE_SECTIONS.values() for name in captions}
    others = {name: name.replace("_", " ").capitalize() for name in pictures if name not in placed}
    sections[OTHER_PICTURES] = _captioned(others, pictures, noun)
    return {title: section for title, section in sections.items() if section}


def picture_captions(pictures: Iterable[Mapping[str, bytes]], noun: Noun = EXAMPLE) -> dict[str, str]:
    """Returns the caption of every picture that any of several runs has, in the order of a page."""
    every = {name: png for of_run in pictures for name, png in of_run.items()}
    sections = picture_sections(every, noun).values()
    return {picture.name: picture.caption for section in sections for picture in section}


def _captioned(captions: Mapping[str, str], pictures: Mapping[str, bytes], noun: Noun) -> list[Picture]:
    return [
        Picture(name, noun.put_into(caption), pictures[name])
        for name, caption in captions.items()
        if name in pictures
    ]
