"""The page of a search: its table, its picture, and the best trials as commands."""

from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_text
from vaeline.core.params import param_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.search.picture import search_figure
from vaeline.experiments.search.search import SearchResult
from vaeline.experiments.tables import table_records
from vaeline.provenance.commands import override_flags
from vaeline.reporting.summary import code_span, markdown_text

PRUNED_NOTE = (
    "A *pruned* trial was ended early, since its validation ELBO had fallen behind: its params have the "
    "epoch that it stopped after, and its metrics are those of the model that it had by then."
)


def write_search(result: SearchResult) -> list[Path]:
    """Writes the page and what belongs to it, and returns the paths, the page first."""
    name = f"search-{result.space.path.stem}"
    page, table, picture = RESULTS / f"{name}.md", RESULTS / f"{name}.csv", PICTURES / f"{name}.png"
    keys, objectives = list(result.space.ranges), list(result.space.options.objectives)
    write_figure(picture, search_figure(result.table, keys, objectives, result.best))
    write_csv(table, result.table)
    write_text(page, "\n\n".join(_paragraphs(result, f"{PICTURES_LINK}/{name}.png")) + "\n")
    return [page, table, picture]


def best_commands(result: SearchResult) -> list[str]:
    """Returns for each of the best trials the command that brings it into the workspace."""
    names = result.table.set_index("trial")["experiment"]
    return [f"dvc exp apply {names[number]}" for number in result.best if names[number] != "HEAD"]


def _paragraphs(result: SearchResult, picture: str) -> list[str]:
    title = f"Search of {result.space.path.name}"
    best = "the best trial" if len(result.best) == 1 else "the Pareto front"
    failed = [f"- trial {n}: {markdown_text(reason)}" for n, reason in result.failures.items()]
    pruned = (result.table["state"] == "pruned").any()
    return [
        f"# {title}",
        f"![{title}]({picture})",
        _rows(result),
        f"Bold: {best}. Made by {code_span(result.command)}.",
        *([PRUNED_NOTE] if pruned else []),
        "The best as commands:",
        "\n".join(["```bash", *best_commands(result), *_runs(result), "```"]),
        *(["Not in the table:", "\n".join(failed)] if failed else []),
    ]


def _runs(result: SearchResult) -> list[str]:
    rows = {row["trial"]: row for row in table_records(result.table)}
    return [
        f"dvc exp run {override_flags(result.space.fixed | {k: rows[n][k] for k in result.space.ranges})}"
        for n in result.best
    ]


def _rows(result: SearchResult) -> str:
    objectives = result.space.options.objectives
    columns = ["trial", *result.space.ranges, *objectives, "epochs", "state", "experiment"]
    headings = [f"{c} ({objectives[c]})" if c in objectives else c for c in columns]
    rows = []
    for row in table_records(result.table):
        cells = [f"{row[c]:.2f}" if c in objectives else markdown_text(param_text(row[c])) for c in columns]
        rows.append([f"**{cell}**" for cell in cells] if row["trial"] in result.best else cells)
    return markdown_table([headings, *rows])
