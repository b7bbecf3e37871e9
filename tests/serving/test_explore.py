"""The page to play with: what it computes, and that it does so in Chromium, without a network."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.browser import MISSING, chromium, explore, installed, visit
from tests.support.screenshots import draw
from tests.support.small import digits, vae
from tests.support.stored import store
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range, Standardised
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.explore import server
from vaeline.serving.explore.drawing import Drawing
from vaeline.serving.explore.playground import NEIGHBOURS, Playground


@pytest.fixture(scope="module")
def playground(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("without_data"))
        return Playground.of(TrainedModel(vae(), "a small model"))


def test_an_image_is_encoded_scored_and_ranked(playground):
    image = digits(1).numpy()[0] / np.float32(255)
    look = playground.look(image)
    assert look.z.tolist() == pytest.approx(playground.trained.encode(image[None])[0].tolist(), abs=1e-5)
    share = (playground.ranking < look.scores["iwae"]).mean()
    assert look.less_likely == share
    assert look.neighbours.shape == (NEIGHBOURS, 1, 8, 8)


def test_neighbours_are_the_nearest_of_all(playground):
    image = playground.gallery[17].astype(np.float32) / 255
    neighbours = playground.neighbours(image)
    distances = np.square(neighbours - image).sum((1, 2, 3))
    every = np.sort(np.square(playground.gallery / 255 - image).sum((1, 2, 3)))
    assert distances == pytest.approx(every[:NEIGHBOURS], abs=1e-4)
    assert distances[0] == 0


@pytest.mark.parametrize(
    "scaling",
    [Range(low=-1, high=3), Standardised(mean=[2.0], std=[4.0], least=[-8.0], most=[12.0])],
    ids=["range", "standardised"],
)
def test_images_of_floats_are_played_with_as_pixels(tmp_path, monkeypatch, scaling):
    """A picture of what the model observes goes back to what it observes, in the same units."""
    monkeypatch.chdir(tmp_path)
    trained = TrainedModel(vae(scaling=scaling, likelihood={"name": "gaussian"}), "")
    playground = Playground.of(trained)
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    observed = scaling.of_picture(image[None])
    assert np.allclose(scaling.picture(observed)[0], image, atol=1e-6)
    assert playground.look(image).z.tolist() == pytest.approx(
        trained.encode(scaling.original(observed))[0].tolist(), abs=1e-5
    )
    z = playground.means[3]
    assert np.allclose(
        playground.decode(z), scaling.picture(scaling.read(trained.decode(z[None])))[0], atol=1e-6
    )
    ends = playground.originals((0, 1))
    shown = [ends, playground.interpolate(0, 1, 3), playground.neighbours(ends[0])]
    assert all(0 <= pixels.min() <= pixels.max() <= 1 for pixels in shown)
    assert np.allclose(playground.neighbours(ends[0])[0], ends[0], atol=1e-6)


def test_a_file_becomes_an_image_of_the_model(playground):
    file = io.BytesIO()
    Image.fromarray(digits(1).numpy()[0, 0]).save(file, "png")
    assert np.array_equal(playground.read_image(file.getvalue(), "a.png") * 255, digits(1).numpy()[0])
    with pytest.raises(VaelineError, match=r"^a.png: not readable as an image"):
        playground.read_image(b"no image", "a.png")


def test_a_stroke_is_drawn_where_the_pen_is_down():
    drawing = Drawing((3, 8, 8), 80, bright=False)
    drawing.line_to(40, 40)
    assert drawing.image().max() == 0
    drawing.move_to(0, 45)
    drawing.line_to(80, 45)
    drawing.lift()
    drawing.line_to(80, 0)
    rows = drawing.image()[1].mean(1)
    assert rows.argmax() == 4
    assert rows[:4].max() == rows[5:].max() == 0


def test_what_explore_cannot_do_is_one_line(monkeypatch):
    with pytest.raises(VaelineError, match=r"this model takes values of shape \[64\]: use `vaeline sample`"):
        Playground.of(TrainedModel(vae(event_shape=(64,)), ""))
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(VaelineError, match=r"nicegui is not installed.*: `pip install 'vaeline\[explore\]'`"):
        server.serve_page(TrainedModel(vae(), ""), 8000, show=False)


@pytest.mark.browser
def test_the_page_answers_and_requests_nothing_from_a_network(tmp_path):
    if not installed():
        pytest.skip(MISSING)
    store(tmp_path / "best.pt")
    screen = {"viewport": {"width": 1366, "height": 768}}
    with explore(tmp_path / "best.pt", tmp_path) as address, chromium() as browser:
        with visit(browser, address, **screen) as visited:
            page = visited.page
            page.locator("[aria-label=path] img[src^=data]").wait_for()
            slider = page.locator("[aria-label=z0].q-slider")
            for act, shown in (
                (lambda: slider.click(position={"x": 5, "y": 10}), "decoded"),
                (lambda: page.locator("[aria-label=map]").click(position={"x": 30, "y": 30}), "decoded"),
                (lambda: page.get_by_text("Other images").click(), "path"),
                (lambda: draw(page, [(0.3, 0.2), (0.7, 0.8)]), "reconstruction"),
            ):
                changes(page, act, shown)
            page.locator("[aria-label=scores]", has_text="IWAE-50").wait_for()
            wide = page.evaluate("document.documentElement.scrollWidth")
    assert visited.errors == []
    hosts = {url.split("/")[2] for url in visited.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {address.removeprefix("http://")}
    assert wide <= 1366


def changes(page, act, shown: str) -> None:
    """Checks that the picture `shown` becomes another one after `act`."""
    picture = f"[aria-label={shown}] img"
    before = page.locator(picture).get_attribute("src")
    act()
    page.wait_for_function(
        "([picture, before]) => document.querySelector(picture).getAttribute('src') !== before",
        arg=[picture, before],
    )
