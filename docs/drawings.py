"""Draws the pictures of the architecture: `python docs/drawings.py` writes docs/pictures/{rooms,data}.svg."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

PICTURES = Path(__file__).resolve().parent / "pictures"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
INK, SOFT, PAPER = "#1b1f24", "#57606a", "#ffffff"
CODE, STAGE, FILES, OUT = "#ddeaf7", "#e3f3ec", "#f4f0e4", "#f6e6ee"

Point = tuple[int, int]

ROOMS = (
    ("core", "errors, params, tables of parts, files, numbers"),
    ("runtime", "a stage's frame: processes, devices, seeds"),
    ("provenance", "where a result comes from: code, params, machine, commands"),
    ("data", "data sets → prepared arrays → batches"),
    ("models", "distributions, networks, likelihoods, posteriors, priors, models"),
    ("evaluation", "what is true of a trained model: bounds, distances, latent use"),
    ("training", "objectives, optimizers, steps, epochs, resuming"),
    ("config", "the whole of params.yaml, typed"),
    ("diagnosis", "findings: detectors, thresholds, remedies"),
    ("reporting", "plots, the summary, the pages"),
    ("tracking", "MLflow: runs, trained models"),
    ("serving", "trained models outside: load, export"),
    ("experiments", "DVC experiments, sweeps, presets, studies, the clinic"),
    ("cli", "the command vaeline"),
)
"""From the words that everyone uses to the command line: a room imports only rooms that stand before it."""


@dataclass(frozen=True)
class Box:
    """A rounded box with a title and lines below it; positions are in pixels."""

    x: int
    y: int
    width: int
    height: int
    title: str
    fill: str
    lines: Sequence[str] = ()

    def svg(self) -> str:
        """Returns the box."""
        middle, top = self.x + self.width / 2, self.y + self.height / 2 - 8 * len(self.lines)
        texts = [_text(middle, top + 5, self.title, 15, "600")]
        texts += [_text(middle, top + 22 + 16 * i, line, 12, fill=SOFT) for i, line in enumerate(self.lines)]
        return _rectangle(self.x, self.y, self.width, self.height, self.fill) + "".join(texts)

    @property
    def left(self) -> Point:
        """Returns where an arrow from the left ends."""
        return self.x, self.y + self.height // 2

    @property
    def right(self) -> Point:
        """Returns where an arrow to the right starts."""
        return self.x + self.width, self.y + self.height // 2

    @property
    def top(self) -> Point:
        """Returns where an arrow from above ends."""
        return self.x + self.width // 2, self.y

    @property
    def bottom(self) -> Point:
        """Returns where an arrow downwards starts."""
        return self.x + self.width // 2, self.y + self.height


def rooms() -> str:
    """Returns the rooms as floors, `core` at the bottom."""
    floor, width = 38, 760
    drawn = []
    for i, (name, holds) in enumerate(reversed(ROOMS)):
        y = 70 + i * floor
        drawn.append(_rectangle(90, y, width - 110, floor - 6, CODE))
        drawn.append(_text(106, y + 21, name, 15, "600", anchor="start"))
        drawn.append(_text(226, y + 21, holds, 13, fill=SOFT, anchor="start"))
    bottom = 70 + len(ROOMS) * floor
    drawn.append(_rectangle(90, 20, 315, 36, STAGE))
    drawn.append(_text(106, 43, "stages/", 15, "600", anchor="start"))
    drawn.append(_text(226, 43, "one small script a stage", 13, fill=SOFT, anchor="start"))
    drawn.append(_rectangle(415, 20, 325, 36, STAGE))
    drawn.append(_text(431, 43, "benchmarks/", 15, "600", anchor="start"))
    drawn.append(_text(560, 43, "speed beside others", 13, fill=SOFT, anchor="start"))
    drawn.append(_arrow((48, 30), (48, bottom - 12)))
    drawn.append(
        _text(0, 0, "imports only what stands below", 13, fill=SOFT, turned=(30, (bottom + 20) // 2))
    )
    return _picture(width, bottom + 14, drawn, "The rooms of vaeline as floors, from core up to cli")


def data() -> str:
    """Returns the way of the data through the stages: stages are green, files yellow, what people see red."""
    raw = Box(30, 72, 150, 56, "data set", FILES, ["files, verified"])
    prepare = Box(260, 72, 150, 56, "prepare", STAGE)
    arrays = Box(490, 66, 200, 68, "data/prepared", FILES, ["train, valid, test"])
    check = Box(30, 190, 110, 56, "check", STAGE)
    train = Box(180, 190, 110, 56, "train", STAGE)
    checkpoints = Box(315, 184, 170, 68, "checkpoints", FILES, ["with their own config"])
    reference = Box(540, 184, 190, 68, "fid_reference", STAGE, ["features of test images"])
    evaluate = Box(80, 310, 180, 56, "evaluate", STAGE, ["bounds, on test"])
    diagnose = Box(300, 310, 200, 56, "diagnose", STAGE, ["findings, on train and valid"])
    fid = Box(545, 310, 180, 56, "fid", STAGE, ["distances of samples"])
    report = Box(300, 424, 200, 50, "report", STAGE)
    page = Box(80, 530, 180, 56, "report.html", OUT, ["one page for the run"])
    run = Box(300, 530, 200, 56, "MLflow run", OUT, ["params, metrics, model"])
    gate = Box(545, 530, 180, 56, "gate", STAGE, ["fails on chosen findings"])
    arrows = [(raw.right, prepare.left), (prepare.right, arrays.left), (check.right, train.left)]
    arrows += [(train.right, checkpoints.left), (arrays.bottom, check.top), (arrays.bottom, reference.top)]
    arrows += [(checkpoints.bottom, stage.top) for stage in (evaluate, diagnose, fid)]
    arrows += [(reference.bottom, fid.top)]
    arrows += [(stage.bottom, report.top) for stage in (evaluate, diagnose, fid)]
    arrows += [(report.bottom, end.top) for end in (page, run, gate)]
    boxes = [raw, prepare, arrays, check, train, checkpoints, reference, evaluate, diagnose, fid, report]
    params = Box(30, 16, 700, 30, "params.yaml: each stage is given the params that it reads", CODE)
    drawn = [box.svg() for box in (params, *boxes, page, run, gate)]
    return _picture(760, 606, [*(_arrow(*ends) for ends in arrows), *drawn], "The way of the data")


def _rectangle(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{fill}" stroke="#c4ccd4"/>\n'
    )


def _text(
    x: float,
    y: float,
    words: str,
    size: int,
    weight: str = "400",
    fill: str = INK,
    anchor: str = "middle",
    turned: Point | None = None,
) -> str:
    place = f'transform="translate({turned[0]} {turned[1]}) rotate(-90)"' if turned else f'x="{x}" y="{y}"'
    return (
        f'<text {place} font-size="{size}" font-weight="{weight}" fill="{fill}" text-anchor="{anchor}">'
        f"{escape(words)}</text>\n"
    )


def _arrow(start: Point, end: Point) -> str:
    (x1, y1), (x2, y2) = start, end
    middle = (y1 + y2) / 2
    path = f"M{x1} {y1} L{x2} {y2}"
    if x1 != x2 and y1 != y2:
        path = f"M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2}"
    return f'<path d="{path}" fill="none" stroke="{SOFT}" stroke-width="1.5" marker-end="url(#head)"/>\n'


def _picture(width: int, height: int, drawn: Sequence[str], title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="{FONT}" role="img">\n<title>{escape(title)}</title>\n'
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{SOFT}"/></marker></defs>\n'
    )
    paper = f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>\n'
    return f"{head}{paper}{''.join(drawn)}</svg>\n"


if __name__ == "__main__":
    for name, picture in (("rooms", rooms()), ("data", data())):
        (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")
