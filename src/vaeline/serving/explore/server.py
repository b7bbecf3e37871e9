"""Serves the page to this machine alone."""

from vaeline.core.errors import VaelineError
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.explore.playground import Playground

LOCALHOST = "127.0.0.1"


def serve_page(trained: TrainedModel, port: int, show: bool) -> None:
    """Serves the page of a model until Ctrl-C, to the machine that it runs on.

    Args:
        trained: The model.
        port: Where to listen.
        show: Whether to open a browser.

    Raises:
        VaelineError: NiceGUI is not installed, or the model is not of images.
    """
    try:
        from nicegui import ui
    except ModuleNotFoundError as error:
        raise VaelineError(
            f"{error.name} is not installed, which the page needs: `pip install 'vaeline[explore]'`"
        ) from None
    from vaeline.serving.explore.page import ExplorePage

    playground = Playground.of(trained)
    print(f"Open http://{LOCALHOST}:{port} (Ctrl-C ends)", flush=True)
    ui.run(
        lambda: ExplorePage(playground, trained.source) and None,
        host=LOCALHOST,
        port=port,
        title="vaeline explore",
        reload=False,
        show=show,
        show_welcome_message=False,
    )
