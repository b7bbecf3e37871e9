"""Made-up runs for pages, and a parser of what a page contains."""

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
ORIGIN = {"git.commit": "c" * 40, "git.dirty": "false", "version.torch": "2.0", "hardware.cpu": "a processor"}


def png(width: int = 30, height: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def finding(name: str, level: str, **more: Any) -> Finding:
    evidence = Evidence(f"{name}_measure", 0.123456, 0.25, "below", "nats", 0.01, f"the reason of {name}")
    title = name.replace("_", " ").capitalize()
    return Finding(name, title, level, 0.97, f"says {name}", [evidence], **more)


PROBLEMS = [
    finding(
        "collapse", "problem", cause="β = 100", command="dvc exp run -S beta=1 -S notes=''\"'\"'a <b> & c'"
    ),
    finding("blur", "problem", cause="few latents", command="dvc exp run -S latent_dim=40"),
    finding("dead", "information"),
    finding("holes", "healthy"),
]
HEALTHY = [finding(name, "healthy") for name in ("collapse", "blur", "dead", "holes")]


def run(name: str = "baseline", params: dict[str, Any] | None = None, **changes: Any) -> RunResults:
    """Returns a healthy run with the default params, except for `params` and the fields in `changes`."""
    parts = {
        "metrics": METRICS,
        "training": ORIGIN | {"seconds": 125.4, "run_id": "r"},
        "evaluation": ORIGIN,
        "findings": HEALTHY,
        "pictures": {"samples": png(), "training": png(90, 30), "mine": png()},
    }
    return RunResults(name, params=merged(DEFAULT, params or {}), **(parts | changes))


class ParsedPage(HTMLParser):
    """The tags of a page with their attributes, and the texts inside each kind of tag."""

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

    def attributes(self, tag: str) -> list[dict[str, str]]:
        """Returns the attributes of each tag of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def lines(self, tag: str) -> list[str]:
        """Returns the text inside each tag of a kind, with single spaces."""
        return [" ".join(text.split()) for text in self.texts.get(tag, [])]
