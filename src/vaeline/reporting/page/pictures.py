"""Which pictures a page shows, where, and what each one is: for those who see it and those who do not."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PICTURE_SECTIONS = {
    "Curves": {
        "training": "Loss, reconstruction and KL over epochs, in nats per image",
        "iwae_over_k": "IWAE-K over K importance samples, in nats, with two standard errors",
    },
    "Reconstructions": {
        "reconstructions": "Validation images, each above its reconstruction",
    },
    "Samples": {
        "samples": "Samples of the model, decoded from z drawn from the prior",
        "samples_by_class": "Samples of each class, decoded from z drawn from the prior",
        "samples_ex_post": "Samples decoded from z drawn from a mixture fitted to training images' z",
        "neighbours": "Samples, each above the training image nearest to it, pixel by pixel",
    },
    "Latent space": {
        "traversals": "One latent a row, from −3 to 3 standard deviations of q(z), the others fixed",
        "interpolations": "Ways between the latents of two images, along the line and along the arc",
        "latent_map": "Map of the latent means, coloured by class, each class named at its median",
        "kl_per_dimension": "KL of each latent dimension in nats, and the threshold of activity",
        "factors": "What each latent dimension says of each factor of the data, as a share of its entropy",
    },
}
"""Pictures by section, each with its caption, in the order of a page."""
OTHERS = "Other pictures"


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption, which is also its alternative text."""

    name: str
    caption: str
    png: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Returns width and height in pixels, which stand at a fixed place in every PNG (its header)."""
        return struct.unpack(">II", self.png[16:24])

    @property
    def broad(self) -> bool:
        """Returns whether it needs the whole width of a page."""
        width, height = self.size
        return width > 2.5 * height


def sections(pictures: Mapping[str, bytes]) -> dict[str, list[Picture]]:
    """Returns the pictures that there are by section; those that no section knows come last."""
    found = {title: captioned(captions, pictures) for title, captions in PICTURE_SECTIONS.items()}
    known = {name for captions in PICTURE_SECTIONS.values() for name in captions}
    found[OTHERS] = captioned({name: spoken(name) for name in pictures if name not in known}, pictures)
    return {title: shown for title, shown in found.items() if shown}


def captioned(captions: Mapping[str, str], pictures: Mapping[str, bytes]) -> list[Picture]:
    """Returns those of `captions` that there are."""
    return [Picture(name, caption, pictures[name]) for name, caption in captions.items() if name in pictures]


def kinds(pictures: Iterable[Mapping[str, bytes]]) -> dict[str, str]:
    """Returns the caption of every picture that any of several runs has, in the order of a page."""
    every = {name: png for of_run in pictures for name, png in of_run.items()}
    return {picture.name: picture.caption for shown in sections(every).values() for picture in shown}


def spoken(name: str) -> str:
    """Returns a file's name as words."""
    return name.replace("_", " ").capitalize()
