"""Templates into pages that need nothing but themselves: style, script and pictures lie inside."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vaeline.reporting.plots.palette import PALETTE

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT = "copy.js"


def render(template: str, **content: Any) -> str:
    """Returns a page. What `content` holds is text, whatever it looks like: none of it becomes markup.

    The page's own policy lets the browser run the one script, by its hash, and load nothing.
    """
    script = ENVIRONMENT.get_template(SCRIPT).render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return ENVIRONMENT.get_template(template).render(
        **content, palette=PALETTE, script_name=SCRIPT, script_hash=f"sha256-{digest}"
    )


def data_uri(png: bytes) -> str:
    """Returns a picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["data_uri"] = data_uri
    return environment


ENVIRONMENT = _environment()
