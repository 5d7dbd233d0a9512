"""Every page is told what it shows: the second one of a server like the first, and one that comes from another run like a fresh one.

`Screen` keeps what a browser keeps of the messages, so that the last word of all of them is compared, whatever their order.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.server.hub import Hub
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    MLPConfig,
    RunConfig,
    SinusoidConfig,
    replace,
)
from maml_core.presets import PRESETS, few_shot
from maml_core.records import Entry
from tests.dashboard.server.clients import Clock, Inline, on_loop, turns
from tests.maml_core.datasets.layout import drawing, png

OWN_WORDS = ("run", "frame", "step_ms", "steps_per_s", "controls_changed", "notice", "change")
"""What tells one page from another and says nothing of the picture."""


class Screen:
    """A page's socket, and what a browser has on the screen after all that it was sent."""

    def __init__(self, hub: Hub, token: str) -> None:
        self.hub = hub
        self.page, self._outbox = hub.connect(token, resume="", released=False)
        self._run = ""
        self._figures: dict[str, Any] = {}
        self._state: dict[str, Any] = {}
        self._layout: dict[str, Any] = {}
        self._charts: dict[str, Any] = {}
        self._header: dict[str, Any] = {}

    def say(self, type: str, **fields: Any) -> None:
        self.hub.receive(self.page, {"type": type, **fields})

    async def settle(self) -> Screen:
        """Until there is nothing more to compute or to send."""
        for _ in range(20):
            self.hub.wake()
            await turns(20)
            self._take()
            if not self.page.run.is_due(1e9) and not self.hub.in_flight and self._outbox.empty():
                return self
        raise AssertionError("the page never came to rest")

    def _take(self) -> None:
        while not self._outbox.empty():
            message = self._outbox.get_nowait()
            if isinstance(message, bytes):
                self._frame(message)
                continue
            found = json.loads(message)
            match found.pop("type"):
                case "figures":
                    self._figures = found
                case "state":
                    self._begin(found["run"])
                    self._layout |= found.pop("layout", {})
                    found.pop("now", None)
                    self._state = found

    def _begin(self, run: str) -> None:
        if run != self._run:
            self._run, self._charts, self._header = run, {}, {}

    def _frame(self, message: bytes) -> None:
        length = int.from_bytes(message[:4], "little")
        header = json.loads(message[4 : 4 + length])
        assert header["run"] == self._run, "a frame of a run that the page was not told of"
        body = message[-(-(4 + length) // 4) * 4 :]
        for chart, trace, axis, offset, size in header.pop("arrays"):
            self._charts[f"{chart}/{trace}/{axis}"] = body[4 * offset : 4 * (offset + size)]
        if "images" in header:
            self._charts["images"] = _images(header.pop("images"), header["steps"]["count"], body, self._charts)
        for part in ("ranges", "summaries", "subtitles"):
            self._charts.setdefault(part, {}).update(header.pop(part))
        if steps := header.pop("steps", None):
            if "offset" in steps:
                count, width = steps["count"], steps["width"]
                grid = np.frombuffer(body, "<f4", width, 4 * steps.pop("grid_offset"))
                curves = np.frombuffer(body, "<f4", count * width, 4 * steps.pop("offset"))
                steps |= {"grid": grid.tobytes(), "curves": curves.tobytes()}
            self._charts["steps"] = steps
        self._header = header
        self.page.acknowledge(header["frame"])

    @property
    def picture(self) -> dict[str, Any]:
        """All that is seen."""
        numbers = {k: v for k, v in self._header["numbers"].items() if k not in OWN_WORDS}
        seen = {
            "figures": self._figures,
            "layout": {chart: self._layout[chart] for chart in self._layout if chart in self._state["charts"]},
            "state": {key: value for key, value in self._state.items() if key not in OWN_WORDS},
            "charts": self._charts,
            "header": {k: v for k, v in self._header.items() if k not in OWN_WORDS} | {"numbers": numbers},
        }
        return copy.deepcopy(seen)

    @property
    def levels(self) -> list[str]:
        """The reference lines of the loss chart, by their names, as the page draws them."""
        annotations = self._layout["loss"]["light"]["annotations"]
        return [note["text"].rpartition("<br>")[0] for note in annotations if note["name"] == "level"]


def _images(header: dict[str, Any], count: int, body: bytes, known: dict[str, Any]) -> dict[str, Any]:
    queries, ways = len(header["query_labels"]), header["ways"]
    num_kernels = count * int(np.prod(header["filters_shape"]))
    probabilities = np.frombuffer(body, "<f4", count * queries * ways, 4 * header.pop("probabilities"))
    filters = np.frombuffer(body, "<f4", num_kernels, 4 * header.pop("filters"))
    pixels = known.get("images", {}).get("pixels")
    if "pixels" in header:
        size = (len(header["support_labels"]) + queries) * int(np.prod(header["shape"]))
        offset = 4 * header.pop("pixels")
        pixels = body[offset : offset + size]
    assert pixels is not None, "a task without its images"
    return {**header, "probabilities": probabilities.tobytes(), "filters": filters.tobytes(), "pixels": pixels}


def small(config: RunConfig) -> RunConfig:
    """The same kind of run, computed in no time."""
    model = config.model
    tiny = (
        replace(model, {"num_filters": 4}) if isinstance(model, ConvConfig) else replace(model, {"hidden_widths": (4,)})
    )
    sizes = {"shots": min(config.shots, 2), "num_query": 2, "meta_batch_size": 2, "evaluation_tasks": 4}
    return replace(config, {**sizes, "model": tiny, "evaluation_steps": min(config.evaluation_steps, 3)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("images")
    for kind in range(12):
        (place / f"kind {kind}").mkdir()
        for number in range(6):
            (place / f"kind {kind}" / f"{number}.png").write_bytes(png(drawing(kind, number)))
    return place


FAMILIES = {
    "sinusoids": RunConfig(),
    "noisy sinusoids beside the oracle": RunConfig(tasks=SinusoidConfig(noise_std=0.3), oracle_baseline=True),
    "lines": RunConfig(tasks=LinearConfig()),
    "planes": RunConfig(tasks=LinearConfig(num_features=2)),
    "glyphs": few_shot(GlyphsConfig()),
    "glyphs for a fully connected network": replace(few_shot(GlyphsConfig(ways=3)), {"model": MLPConfig()}),
}
CONFIGS = FAMILIES | {p.name: p.config for p in PRESETS if p.config.tasks.kind != "omniglot"}

each = pytest.mark.parametrize("name", [*CONFIGS, "a folder of images"])


def config_of(name: str, folder: Path) -> RunConfig:
    own = name == "a folder of images"
    return small(few_shot(FolderConfig(folder=str(folder), ways=2)) if own else CONFIGS[name])


def scene(play: Callable[[Hub], Awaitable[None]]) -> None:
    async def act(hub: Hub, executor: Inline, clock: Clock) -> None:
        await play(hub)

    on_loop(act)


@each
def test_the_second_page_of_a_server_shows_what_the_first_shows(name: str, folder: Path):
    config = config_of(name, folder)

    async def play(hub: Hub) -> None:
        first = await Screen(hub, hub.open_page(config)).settle()
        second = await Screen(hub, hub.open_page(config)).settle()
        assert first.levels == second.levels != []
        assert second.picture == first.picture

    scene(play)


@each
def test_a_page_that_goes_over_to_another_run_shows_what_a_fresh_page_of_it_shows(name: str, folder: Path):
    config = config_of(name, folder)

    async def play(hub: Hub) -> None:
        before = small(CONFIGS["Meta-SGD"] if name != "Meta-SGD" else CONFIGS["glyphs"])
        page = await Screen(hub, hub.open_page(before)).settle()
        fresh = await Screen(hub, hub.open_page(config)).settle()
        await asyncio.to_thread(
            hub.restart, page.page.token, lambda _: config
        )  # as the sidebar's script does, and waits
        await page.settle()
        assert page.picture == fresh.picture

    scene(play)


def test_a_reconnected_page_shows_what_it_showed():
    async def play(hub: Hub) -> None:
        token = hub.open_page(small(RunConfig()))
        page = await Screen(hub, token).settle()
        for _ in range(3):
            page.say("outer_step")
            await page.settle()
        page.say("set", changes={"alpha": 0.03})
        page.say("outer_step")
        await page.settle()
        again = await Screen(hub, token).settle()
        assert again.picture["layout"] == page.picture["layout"]
        assert again.picture["state"] == page.picture["state"]
        assert again.picture["charts"]["subtitles"] == page.picture["charts"]["subtitles"]

    scene(play)


def test_a_reset_page_shows_what_it_showed_at_first_and_the_old_run_as_a_ghost():
    async def play(hub: Hub) -> None:
        page = await Screen(hub, hub.open_page(small(RunConfig()))).settle()
        first = page.picture
        for _ in range(3):
            page.say("outer_step")
            await page.settle()
        page.say("reset")
        await page.settle()
        now = page.picture
        assert now["layout"] == first["layout"]
        assert now["charts"].pop("loss/ghost_training/x") != first["charts"].pop("loss/ghost_training/x")
        assert [ghost["number"] for ghost in now["state"].pop("ghosts")] == [1]
        assert first["state"].pop("ghosts") == []
        ghost = ("loss/ghost_", "adaptation/ghost_", "ranges", "summaries")
        for picture in (now, first):
            picture["charts"] = {k: v for k, v in picture["charts"].items() if not k.startswith(ghost)}
        assert now["charts"] == first["charts"]
        assert now["state"] == first["state"]

    scene(play)


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_the_reference_levels_stay_through_metrics_changes_and_shared_runs(metric: str):
    async def play(hub: Hub) -> None:
        config = small(few_shot(GlyphsConfig()))
        shared = [Entry(step=1, kind="change", changes={"beta": 0.002})]
        for opened in (hub.open_page(config), hub.open_page(config), hub.open_page(config, shared)):
            page = await Screen(hub, opened).settle()
            page.say("metric", metric=metric)
            await page.settle()
            assert page.levels == ["guessing"]
            page.say("outer_step")
            page.say("outer_step")
            await page.settle()
            page.say("set", changes={"alpha": 0.05})
            await page.settle()
            assert page.levels == ["guessing"]

    scene(play)


def test_while_another_run_is_computed_nothing_of_the_old_one_is_told_as_its_own():
    """The last word on a run that nothing was seen of yet has no task, no tensors and no layers, and says that it is computed."""

    async def play(hub: Hub) -> None:
        page = Screen(hub, hub.open_page(small(RunConfig())))
        await page.settle()
        page.say("outer_step")
        await page.settle()
        seen = page._state
        assert seen["computing"] is False
        assert seen["task"]["amplitude"] is not None
        run = page.page.run
        run.restart(replace(run.config, {"model": MLPConfig(hidden_widths=(5,))}))
        hub.pages.tell(page.page.run)  # and the loop has no turn: no chunk comes back
        page._take()
        state = page._state
        assert state["run"] != seen["run"]
        assert state["computing"] is True
        assert (state["task"]["amplitude"], state["task"]["phase_rad"]) == (None, None)
        assert (state["tensors"], state["layers"], state["marks"]) == ([], [], [])

    scene(play)
