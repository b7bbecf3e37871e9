"""The page: sliders, the latent map, an interpolation, and a field to draw on."""

import random
from collections.abc import Sequence

import numpy as np
from nicegui import events, run, ui

from vaeline.core.errors import VaelineError
from vaeline.reporting.plots.palette import PALETTE
from vaeline.serving.explore.drawing import Drawing
from vaeline.serving.explore.pictures import address, enlarged, map_dimensions, map_picture, strip
from vaeline.serving.explore.playground import Look, Playground

BIG, FIELD, SMALL = 280, 172, 64  # pixels of pictures
MAP_SIDE, MAP_PIXELS = 300, 600  # on the page, and of the picture, for screens with two to each
REACH = 3.5  # of the map on either side of 0
STEPS = 10  # images of an interpolation
BRIGHT = 0.5  # mean level of images that are drawn in black
SHOWN_SCORES = {  # what is said of an image
    "elbo": "ELBO",
    "iwae": "IWAE-50",
    "distortion": "distortion",
    "rate": "rate",
    "mse": "mean squared error",
    "typicality": "typicality",
}
PAGE_STYLE = """
body { background: #f6f7f9; color: #1d2733; }
.nicegui-content { padding: 12px 20px; gap: 14px; }
.q-card { border-radius: 10px; box-shadow: 0 1px 3px rgba(20, 30, 50, .14); padding: 14px 18px; }
.title { font-weight: 600; font-size: 15px; }
.hint { color: #66707c; font-size: 12.5px; line-height: 1.35; }
.pixelated img { image-rendering: pixelated; border-radius: 4px; }
"""


class ExplorePage:
    """One visitor's page.

    Args:
        playground: The model, and what it is compared with.
        name: What the model was loaded from.
    """

    def __init__(self, playground: Playground, name: str) -> None:
        self.playground = playground
        self.label = 0
        self.z = playground.means[0].copy()
        self.drawing = self._blank()
        self.found: Look | None = None  # in the visitor's image
        ui.add_css(PAGE_STYLE)
        self._header(name)
        with ui.row().classes("w-full no-wrap items-stretch gap-4"):
            with ui.column().classes("gap-4 grow"):
                with ui.row().classes("w-full no-wrap items-stretch gap-4"):
                    self._latent_card()
                    self._map_card()
                self._interpolation_card()
            self._image_card()
        self.show_z()
        self.show_interpolation()

    def _header(self, name: str) -> None:
        trained = self.playground.trained
        shape = " × ".join(map(str, trained.event_shape))
        with ui.row().classes("w-full items-baseline gap-3"):
            ui.label("vaeline explore").classes("text-xl font-semibold")
            ui.label(f"{name}  ·  images {shape}  ·  {trained.latent_dim} latent dimensions").classes("hint")
            if trained.classes:
                names = self.playground.reference.classes or range(trained.classes)
                options = dict(enumerate(map(str, names)))
                ui.select(options, value=0, label="class", on_change=self._choose_label).props("dense")
            if not self.playground.from_data:
                ui.label("data/prepared has no data of this model: its own samples stand in").classes("hint")

    def _latent_card(self) -> None:
        with ui.card().classes("gap-2"):
            ui.label("Latent space").classes("title")
            with ui.row().classes("no-wrap gap-5"):
                with ui.column().classes("gap-2"):
                    self.decoded = ui.interactive_image().classes("pixelated").props("aria-label='decoded'")
                    self.decoded.style(f"width: {BIG}px")
                    with ui.row().classes("gap-2"):
                        ui.button("Sample", on_click=self._sample).props(
                            "unelevated dense padding='4px 14px'"
                        )
                        ui.button("Mean", on_click=self._mean).props("outline dense padding='4px 14px'")
                with ui.column().classes("gap-0"):
                    self.sliders = [self._slider(place) for place in range(len(self.playground.dimensions))]
            hint = "E[x|z]. Each slider moves one dimension from −3 to 3 standard deviations of q(z)"
            ui.label(f"{hint}; the most informative stand first.").classes("hint").style("max-width: 520px")

    def _slider(self, place: int) -> ui.slider:
        dimension = self.playground.dimensions[place]
        points = dimension.points(2)
        low, high = float(points[0]), float(points[1])
        with ui.row().classes("items-center no-wrap gap-3 h-7"):
            ui.label(f"z{dimension.index}").classes("w-8 text-right").style("font-size: 13px")
            slider = ui.slider(
                min=low, max=high, step=(high - low) / 120, value=float(self.z[dimension.index])
            )
            slider.classes("w-44").props(f"aria-label=z{dimension.index}")
            slider.on(
                "update:model-value",
                lambda event, i=dimension.index: self._moved(i, event.args),
                throttle=0.05,
            )
        return slider

    def _map_card(self) -> None:
        first, second = map_dimensions(self.playground)
        with ui.card().classes("gap-2"):
            ui.label("Latent map").classes("title")
            picture = address(map_picture(self.playground, MAP_PIXELS, REACH))
            self.map = ui.interactive_image(
                picture, on_mouse=self._clicked, events=["mousedown"], cross="#9aa3ad"
            ).props("aria-label='map'")
            self.map.style(f"width: {MAP_SIDE}px")
            kind = "validation images" if self.playground.from_data else "samples"
            ui.label(f"Means of {kind}: z{first} across, z{second} up. Click to move there.").classes(
                "hint"
            ).style(f"max-width: {MAP_SIDE}px")
            self._legend()

    def _legend(self) -> None:
        with ui.row().classes("gap-x-3 gap-y-0").style(f"max-width: {MAP_SIDE}px"):
            for place, name in enumerate(self.playground.reference.classes[: len(PALETTE)]):
                ui.label(f"● {name}").style(f"color: {PALETTE[place]}; font-size: 12.5px")

    def _image_card(self) -> None:
        with ui.card().classes("gap-2").style("width: 402px"):
            ui.label("Your image").classes("title")
            with ui.row().classes("no-wrap gap-4"):
                with ui.column().classes("gap-2"):
                    self.field = ui.interactive_image(
                        address(self.drawing.picture),
                        on_mouse=self._draw,
                        events=["mousedown", "mousemove", "mouseup", "mouseleave"],
                    ).props("aria-label='field'")
                    self.field.style(f"width: {FIELD}px; cursor: crosshair; touch-action: none")
                    with ui.row().classes("gap-2"):
                        ui.button("Clear", on_click=self._clear).props("outline dense padding='4px 10px'")
                        ui.button("Use its z", on_click=self._use).props(
                            "unelevated dense padding='4px 10px'"
                        )
                with ui.column().classes("gap-1"):
                    self.reconstruction = (
                        ui.interactive_image().classes("pixelated").props("aria-label='reconstruction'")
                    )
                    self.reconstruction.style(f"width: {FIELD}px")
                    ui.label("reconstruction").classes("hint")
            hint = "Draw above. Its reconstruction, its scores and the nearest training images appear here."
            self.said = ui.html(hint, sanitize=False).classes("hint").props("aria-label='scores'")
            self.near = ui.interactive_image().classes("pixelated")
            upload = ui.upload(auto_upload=True, on_upload=self._uploaded).props("accept=image/*")
            upload.classes("hidden")
            ui.button("Open an image file", on_click=lambda: upload.run_method("pickFiles")).props(
                "outline dense padding='4px 14px'"
            )

    def _interpolation_card(self) -> None:
        with ui.card().classes("w-full gap-2"):
            with ui.row().classes("items-center gap-4"):
                ui.label("Interpolation").classes("title")
                ui.button("Other images", on_click=self._shuffle).props("outline dense padding='4px 14px'")
                ui.label(
                    "On the great arc between the means of q(z|x) of two images, which stand at the ends."
                ).classes("hint")
            self.path = ui.interactive_image().classes("pixelated w-full").props("aria-label='path'")
        self.ends = (0, min(1, len(self.playground.means) - 1))

    def show_z(self) -> None:
        """Shows E[x|z], and where z is on the map."""
        self.decoded.set_source(address(enlarged(self.playground.decode(self.z, self.label), BIG)))
        first, second = map_dimensions(self.playground)
        x, y = (self.z[first] + REACH) / (2 * REACH), (REACH - self.z[second]) / (2 * REACH)
        place = f'cx="{x * MAP_PIXELS}" cy="{y * MAP_PIXELS}"'
        self.map.set_content(f'<circle {place} r="11" fill="none" stroke="#111" stroke-width="4" />')

    def show_interpolation(self) -> None:
        """Shows the path between two reference images, each beside its end."""
        start, end = self.ends
        path = self.playground.interpolate(start, end, STEPS, self.label)
        first, last = self.playground.originals(self.ends)[:, None]
        shown = np.concatenate([first, path, last])
        self.path.set_source(address(strip(shown, 2 * SMALL)))

    def set_z(self, z: np.ndarray) -> None:
        """Moves to z [latent_dim], the sliders with it."""
        self.z = z.astype(np.float32)
        for slider, dimension in zip(self.sliders, self.playground.dimensions, strict=True):
            slider.set_value(float(z[dimension.index]))
        self.show_z()

    def _moved(self, index: int, value: float | Sequence[float]) -> None:
        self.z[index] = float(value if isinstance(value, (int, float)) else value[0])
        self.show_z()

    def _clicked(self, event: events.MouseEventArguments) -> None:
        first, second = map_dimensions(self.playground)
        z = self.z.copy()
        z[first] = (2 * event.image_x / MAP_PIXELS - 1) * REACH
        z[second] = (1 - 2 * event.image_y / MAP_PIXELS) * REACH
        self.set_z(z)

    def _sample(self) -> None:
        self.set_z(self.playground.sample())

    def _mean(self) -> None:
        self.set_z(self.playground.means.mean(0))

    def _shuffle(self) -> None:
        start, end = random.sample(range(len(self.playground.means)), 2)
        self.ends = start, end
        self.show_interpolation()

    def _choose_label(self, event: events.ValueChangeEventArguments[int]) -> None:
        self.label = event.value
        self.show_z()
        self.show_interpolation()

    async def _draw(self, event: events.MouseEventArguments) -> None:
        if event.type == "mousedown":
            self.drawing.move_to(event.image_x, event.image_y)
        elif event.type == "mousemove" and event.buttons:
            self.drawing.line_to(event.image_x, event.image_y)
        elif self.drawing.last is not None and event.type != "mousemove":
            self.drawing.lift()
            await self.look_at(self.drawing.image())
            return
        if self.drawing.last is not None:
            self.field.set_source(address(self.drawing.picture))

    def _clear(self) -> None:
        self.drawing = self._blank()
        self.field.set_source(address(self.drawing.picture))

    def _use(self) -> None:
        if self.found is not None:
            self.set_z(self.found.z)

    async def _uploaded(self, event: events.UploadEventArguments) -> None:
        try:
            image = self.playground.read_image(await event.file.read(), event.file.name)
        except VaelineError as error:
            ui.notify(str(error), type="negative")
            return
        self.field.set_source(address(enlarged(image, BIG)))
        await self.look_at(image)

    async def look_at(self, image: np.ndarray) -> None:
        """Shows what the model makes of an image [C, H, W] in [0, 1]."""
        found = await run.io_bound(self.playground.look, image, self.label)
        if found is None:  # the server is stopping
            return
        self.found = found
        self.reconstruction.set_source(address(enlarged(found.reconstruction, BIG)))
        self.near.set_source(address(strip(found.neighbours, SMALL)))
        self.said.set_content(described(found))

    def _blank(self) -> Drawing:
        bright = self.playground.originals(range(len(self.playground.means))).mean() > BRIGHT
        return Drawing(self.playground.trained.event_shape, BIG, bool(bright))


def described(look: Look) -> str:
    """Returns the scores of an image as HTML."""
    cells = [
        f"<td>{name}</td><td style='padding: 0 22px 0 6px'><b>{look.scores[key]:.4g}</b></td>"
        for key, name in SHOWN_SCORES.items()
    ]
    rows = "".join(f"<tr>{''.join(cells[i : i + 2])}</tr>" for i in range(0, len(cells), 2))
    ranked = f"More likely than <b>{look.less_likely:.0%}</b> of the reference images (scores in nats)."
    return f"<table>{rows}</table>{ranked}<br>Nearest training images:"
