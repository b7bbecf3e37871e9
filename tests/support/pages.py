"""Runs for pages, made up by hand, and what a reader without a network finds in a page."""

import io
from html.parser import HTMLParser
from typing import Any

from PIL import Image

from tests.support.small import merged
from vaeline.config import ExperimentConfig
from vaeline.diagnosis.finding import Evidence, Finding
from vaeline.reporting.page.run import RunResults

DEFAULT = ExperimentConfig().to_dict()
METRICS = {
    "prepare/data": "mnist", "prepare/test_sha256": "t" * 64, "prepare/test_size": 10000,
    "prepare/valid_sha256": "v" * 64, "train/epochs": 30, "evaluate/iwae_k": 100,
    "evaluate/elbo": -97.9567863319397, "evaluate/elbo_se": 0.25565759305558056,
    "evaluate/iwae": -92.74879734963112, "evaluate/iwae_se": 0.24369919584329014,
    "fid/fid_samples": 2048, "fid/fid_skipped": "no <weights> here", "diagnose/active_units": 19,
    "diagnose/latent_dims": 20,
}  # fmt: skip
MADE = {"git.commit": "c" * 40, "git.dirty": "false", "version.torch": "2.0", "hardware.cpu": "a processor"}


def png(width: int = 30, height: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def finding(name: str, level: str, **more: Any) -> Finding:
    evidence = Evidence(f"{name}_measure", 0.123456, 0.25, "below", "nats", 0.01, f"the reason of {name}")
    title = name.replace("_", " ").capitalize()
    return Finding(name, title, level, 0.97, f"says {name}", [evidence], **more)


ILL = [
    finding(
        "collapse", "problem", cause="β = 100", command="dvc exp run -S beta=1 -S notes=''\"'\"'a <b> & c'"
    ),
    finding("blur", "problem", cause="few latents", command="dvc exp run -S latent_dim=40"),
    finding("dead", "information"),
    finding("holes", "healthy"),
]
WELL = [finding(name, "healthy") for name in ("collapse", "blur", "dead", "holes")]


def run(name: str = "baseline", params: dict[str, Any] | None = None, **changes: Any) -> RunResults:
    """Returns a healthy run with the default params, with `changes` of its parts."""
    parts = {
        "metrics": METRICS,
        "training": MADE | {"seconds": 125.4, "run_id": "r"},
        "evaluation": MADE,
        "findings": WELL,
        "pictures": {"samples": png(), "training": png(90, 30), "mine": png()},
    }
    return RunResults(name, params=merged(DEFAULT, params or {}), **(parts | changes))


class Read(HTMLParser):
    """What stands in a page: every tag with its attributes, and the text in those that are asked for."""

    VOID = ("meta", "link", "img", "path", "circle", "rect", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag
        if tag in ("td", "th", "b", "span", "data"):
            self.handle_data(" ")

    def handle_data(self, data):
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def said(self, tag: str) -> list[str]:
        return [" ".join(text.split()) for text in self.texts.get(tag, [])]
