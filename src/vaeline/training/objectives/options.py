"""What every objective can be told."""

from pydantic import Field

from vaeline.core.params import BaseOptions


class ObjectiveOptions(BaseOptions):
    """Options that all objectives share: `k` draws of z an image, at each step."""

    k: int = Field(1, ge=1)
