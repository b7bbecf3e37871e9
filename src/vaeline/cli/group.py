"""How commands end: errors, and Ctrl-C, are one line on stderr."""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from vaeline.core.errors import VaelineError
from vaeline.runtime.stopping import INTERRUPTED, stoppable


class CommandGroup(TyperGroup):
    """Commands whose errors are one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; an error that its reader can mend, and Ctrl-C, end it with one line."""
        try:
            with stoppable():
                return super().invoke(ctx)
        except VaelineError as error:
            from vaeline.runtime.damage import with_remedy

            end(f"vaeline {ctx.invoked_subcommand}", with_remedy(error), 1)
        except KeyboardInterrupt as error:
            status = getattr(error, "status", INTERRUPTED)
            end(f"vaeline {ctx.invoked_subcommand}", "stopped; the same command resumes it", status)

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Runs the command line, and exits."""
        try:
            sys.exit(super().main(*args, **options | {"standalone_mode": False}))
        except Exception as error:
            if not hasattr(error, "format_message"):  # typer does not export the class of its usage errors
                raise
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "vaeline"
            message = " ".join(error.format_message().split()).removesuffix(".")
            print(f"{path}: {message}; see `{path} --help`", file=sys.stderr)
            sys.exit(2)


def end(command: str, message: str, status: int) -> NoReturn:
    """Ends the command with one line on stderr."""
    from vaeline.core.progress import close_bars

    close_bars()
    print(f"{command}: {message}", file=sys.stderr)
    raise typer.Exit(status)
