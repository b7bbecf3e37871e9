"""The pages of the site and the README, as what a reader copies from them: code blocks, commands, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from vaeline.core.yaml import read_yaml

FENCE = re.compile(r"^```(\{?[\w-]*\}?)[^\n]*\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SHELL, TRANSCRIPT = "bash", "console"


@dataclass(frozen=True)
class Page:
    """A Markdown file, named by its path from the repository's root."""

    name: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """Returns the code blocks in these languages."""
        return [body for language, body in FENCE.findall(self.text) if language in languages]

    @property
    def prose(self) -> str:
        """What is outside of code blocks."""
        return FENCE.sub("", self.text)

    @property
    def code(self) -> list[str]:
        """What stands between backticks in the prose."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose) + re.findall(r'<img src="([^"]+)"', self.prose)

    @property
    def anchors(self) -> set[str]:
        """The anchors of its headings, as GitHub and MyST make them."""
        titles = re.findall(r"^#+ (.*)$", self.prose, flags=re.MULTILINE)
        return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}

    def commands(self) -> Iterator[list[str]]:
        """Yields the words of each command that it shows, without variables before it (`A=1 make x`)."""
        lines = [line for block in self.blocks(SHELL) for line in block.splitlines()]
        for block in self.blocks(TRANSCRIPT):
            lines += [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        lines += [code for code in self.code if re.match(r"(dvc exp run -.*=|vaeline |make )", code)]
        for line in lines:
            yield from _commands(line)

    def __str__(self) -> str:
        return self.name


def _commands(line: str) -> Iterator[list[str]]:
    for part in line.split(" && "):
        words = shlex.split(part, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        if words:
            yield words


def pages() -> list[Page]:
    """Returns README, CONTRIBUTING and every page of the site that is written by hand."""
    written = sorted((ROOT / "docs").rglob("*.md"))
    names = [path.relative_to(ROOT).as_posix() for path in written if "_build" not in path.parts]
    results = [name for name in names if name.startswith("docs/results/") and not name.endswith("/index.md")]
    return [Page(name) for name in ("README.md", "CONTRIBUTING.md", *names) if name not in results]


def outs() -> set[str]:
    """Returns the paths that the stages write."""
    return {
        out if isinstance(out, str) else next(iter(out))
        for entry in read_yaml(ROOT / "dvc.yaml")["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in entry.get(kind, [])
    }
