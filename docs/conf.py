"""Configuration of the site: `make docs` builds it into docs/_build/html."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

import vaeline  # noqa: E402

project = "vaeline"
author = "The vaeline authors"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx reads this name)
version = release = vaeline.__version__

extensions: list[str] = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",
]
exclude_patterns: list[str] = ["_build", "_ext"]
default_role = "code"  # docstrings quote names in single backticks
toc_object_entries = False
add_module_names = False
myst_heading_anchors = 3
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_use_type_comments = False  # there are none, and to look for them takes a tenth of the build
napoleon_use_ivar = True  # or "Attributes:" would describe members that autodoc describes as well
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"vaeline {version}"
html_static_path: list[str] = ["_static"]
html_css_files: list[str] = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a summary is fetched, which a browser refuses for pages opened from disk
