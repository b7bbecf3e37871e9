"""Renders templates into self-contained pages: style, script and pictures are inside."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vaeline.reporting.plots.palette import PALETTE

TEMPLATES = Path(__file__).parent / "templates"
COMPARISON = Path(__file__).parents[1] / "comparison"
SCRIPT = "copy.js"


def render(template: str, **content: Any) -> str:
    """Returns a page. Values in `content` are escaped: none of them can become markup.

    The page's Content-Security-Policy allows its one script, by hash, and loads nothing.
    """
    script = ENVIRONMENT.get_template(SCRIPT).render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return ENVIRONMENT.get_template(template).render(
        **content, palette=PALETTE, script_name=SCRIPT, script_hash=f"sha256-{digest}"
    )


def data_uri(png: bytes) -> str:
    """Returns a PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader([TEMPLATES, COMPARISON]),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["data_uri"] = data_uri
    return environment


ENVIRONMENT = _environment()
