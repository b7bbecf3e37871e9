"""The page of commands, from the typer app: what `vaeline --help` says, command by command."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer
import typer.main


def root() -> Any:
    """Returns the `vaeline` command as typer parses it."""
    from vaeline.cli import app

    return typer.main.get_command(app)


def page() -> str:
    """Returns a section for each command: its usage, what it does, its arguments and options."""
    return "\n".join(section(context) for context in contexts(root(), "vaeline"))


def contexts(command: Any, name: str, parent: Any = None) -> Iterator[typer.Context]:
    """Yields a context for each command that does something, those within groups among them."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    if not hasattr(command, "list_commands"):
        yield context
        return
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        if not found.hidden:
            yield from contexts(found, each, context)


def section(context: typer.Context) -> str:
    """Returns the Markdown of one command."""
    usage = " ".join(context.command.collect_usage_pieces(context))
    said = inspect.cleandoc(context.command.help or "").replace("\b\n", "").partition("\f")[0]
    records = [parameter.get_help_record(context) for parameter in context.command.get_params(context)]
    rows = [f"| `{name}` | {_cell(words)} |" for name, words in filter(None, records) if name != "--help"]
    table = ["| | |", "| --- | --- |", *rows, ""] if rows else []
    head = [f"## `{context.command_path}`", "", "```text", f"{context.command_path} {usage}", "```", ""]
    return "\n".join([*head, said, "", *table])


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", r"\|")
