"""Commands on the repository as a whole: its recorded runs, its shared storage, README.md and dvc.yaml."""

from typing import Annotated

import typer

REPOSITORY_COMMANDS = typer.Typer()


@REPOSITORY_COMMANDS.command("ui")
def open_ui(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="The port to listen at.")] = 5000,
) -> None:
    """Open the MLflow UI on every recorded run.

    Prints the addresses of the table of runs and of the newest runs side by side, then serves them until
    Ctrl-C.

    Example:

    \b
        vaeline ui --port 5001
    """
    from vaeline.tracking.ui import serve_ui

    serve_ui(port)


@REPOSITORY_COMMANDS.command("remote")
def use_remote(
    address: Annotated[str, typer.Argument(help="A folder, s3://bucket/folder, ssh://host/folder, ….")],
    endpoint: Annotated[str, typer.Option(metavar="URL", help="The S3 server, if it is not Amazon's.")] = "",
) -> None:
    """Share results with a team through a storage of DVC's.

    Writes a file there and removes it, then makes the storage DVC's default remote in .dvc/config, and has
    DVC push each experiment that has run. Credentials come from the environment.

    Example:

    \b
        vaeline remote s3://vaes/store --endpoint https://s3.example.com
    """
    from vaeline.experiments.remote import set_remote

    set_remote(address, endpoint)
    print(
        "Wrote .dvc/config. Next: git commit .dvc/config -m 'Share results' && git push && "
        "vaeline push\nThe others: git pull && dvc pull --run-cache"
    )


@REPOSITORY_COMMANDS.command("push")
def push_to_remote() -> None:
    """Push results to the storage of `vaeline remote`.

    These are what `dvc push --run-cache` pushes, and the outputs of all stages that have run here, metrics
    too: a stage that has run once need not run again elsewhere, also without its dvc.lock.

    Example:

    \b
        vaeline push
    """
    from vaeline.experiments.remote import push_results

    print(f"Pushed {push_results()} files.")


@REPOSITORY_COMMANDS.command("readme")
def write_readme() -> None:
    """Write the last run's figures into README.md.

    Its pictures are copied to docs/pictures.

    Example:

    \b
        vaeline readme
    """
    from vaeline.reporting.readme import update_readme

    update_readme()
    print("Wrote README.md and docs/pictures. Next: git diff README.md")


@REPOSITORY_COMMANDS.command("deps")
def write_deps() -> None:
    """Rewrite the code entries of dvc.yaml.

    Each stage then depends on exactly the files that it imports. Run it after an import changed; a test
    fails otherwise.

    Example:

    \b
        vaeline deps
    """
    from vaeline.provenance.closure import rewrite

    rewrite()
    print("Wrote dvc.yaml. Next: dvc status")
