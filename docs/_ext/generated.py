"""A Sphinx extension: fills in the pages whose content is made from the code, and reads our docstrings.

A page asks for content by a comment of its own line, such as `<!-- generated: parameters -->`; what stands
after the name is passed on (`<!-- generated: api vaeline.models -->`).
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import api
import commands
import findings
import parameters

MARK = re.compile(r"^<!-- generated: (\w+)(?: (\S+))? -->$", flags=re.MULTILINE)
WRITERS: dict[str, Callable[..., str]] = {
    "api": api.page,
    "commands": commands.page,
    "findings": findings.page,
    "parameters": parameters.page,
}
CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
MARKUP = re.compile(r"[|*`]|_(?!\w)")


def filled(text: str) -> str:
    """Returns a page's text with every mark replaced by what it asks for."""
    return MARK.sub(lambda mark: WRITERS[mark[1]](*filter(None, [mark[2]])), text)


def plain(lines: list[str]) -> list[str]:
    """Returns the lines of a docstring with `|`, `*`, final `_` and stray backticks escaped outside of code.

    In reStructuredText log p(x|z) and Σ_j w_ would begin a reference. Lines of an example stay as they are.
    """
    return [line if line.lstrip().startswith(">>>") else _escaped(line) for line in lines]


def _escaped(line: str) -> str:
    parts = CODE.split(line)
    return "".join(part if i % 2 else MARKUP.sub(r"\\\g<0>", part) for i, part in enumerate(parts))


def _import_everything(_app: Any) -> None:
    """Imports every module before autodoc reads one: it alters pydantic's classes, after which some fail."""
    api.modules("vaeline")


def _source_read(_app: Any, _docname: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def _docstring(_app: Any, _what: str, _name: str, _part: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)


def _outdated(_app: Any, env: Any, *_pages: set[str]) -> list[str]:
    """Returns the pages that are made from code, which may have changed since the last build."""
    return [name for name in env.found_docs if MARK.search(Path(env.doc2path(name)).read_text("utf-8"))]


def setup(app: Any) -> dict[str, bool]:
    """Connects the extension."""
    app.connect("builder-inited", _import_everything)
    app.connect("source-read", _source_read)
    app.connect("autodoc-process-docstring", _docstring, priority=400)  # before napoleon
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
