"""The options that all objectives share."""

from typing import Protocol

from pydantic import Field

from vaeline.core.params import BaseOptions


class ObjectiveOptions(BaseOptions):
    """Options of the section `objective` that all objectives share: `k` draws of z an image, at each step."""

    k: int = Field(1, ge=1)


class ObjectiveSection(Protocol):
    """What every objective reads of the section `objective`."""

    @property
    def k(self) -> int:
        """Draws of z an image."""
