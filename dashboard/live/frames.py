"""A live run's frames: what changed since the last one, packed (`packing`). Its ``arrays``, ``steps`` and ``images`` point into the floats.

Looks stay in Python (`charts`); frames carry numbers, axis ranges and sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dashboard import charts
from dashboard.algorithms import name_of, own_rule
from dashboard.charts import AnyInfo, Looks, Range
from dashboard.info import FitInfo, ImagesInfo, Learner, Metric
from dashboard.live.drawings import answer
from dashboard.live.infos import infos, loss_info, reference_levels
from dashboard.live.now import now
from dashboard.live.packing import Floats, packed
from dashboard.live.run import LiveRun
from dashboard.theme import PALETTES
from maml_core.config import LinearConfig, RunConfig, SinusoidConfig
from maml_core.records import Levels


class FrameMaker:
    """Frames for one page. It remembers what the page has, so that only charts whose numbers changed are sent again."""

    def __init__(self) -> None:
        self.number = 0
        """Of the newest frame."""
        self._sent: dict[str, list[str | bytes]] = {}
        self._pixels: list[bytes] = []
        """The images that the page has."""
        self._ranges: dict[str, Range] = {}
        self._run = ""

    def forget(self) -> None:
        """Send everything again with the next frame: the page starts afresh."""
        self._sent.clear()
        self._pixels = []
        self._ranges.clear()

    def frame(self, run: LiveRun, numbers: Mapping[str, float]) -> bytes:
        """The next frame of a run, with figures for the page's status line."""
        if run.name != self._run:
            self.forget()
            self._run = run.name
        self.number += 1
        body = Floats()
        arrays: list[list[Any]] = []
        header: dict[str, Any] = {
            "frame": self.number,
            "run": run.name,
            "step": run.step,
            "ranges": {},
            "summaries": {},
            "subtitles": {},
        }
        for info in infos(run):
            chart = charts.chart_id(info)
            updates = charts.update(info)
            words = charts.summary(info), charts.subtitle(info)
            sent = [*words, *_numbers(info), *(values.tobytes() for _, _, values in updates)]
            if sent == self._sent.get(chart):
                continue
            self._sent[chart] = sent
            arrays += [[chart, trace, axis, body.add(values), len(values)] for trace, axis, values in updates]
            self._ranges[chart] = header["ranges"][chart] = charts.ranges(info, self._ranges.get(chart))
            header["summaries"][chart], header["subtitles"][chart] = words
            match info:
                case FitInfo():
                    header["steps"] = _steps(info) | _curves(info, body)
                case ImagesInfo():
                    header["steps"] = _steps(info) | {"accuracy": _plain(info.accuracy)}
                    header["images"] = self._images(info, body)
        header["arrays"] = arrays
        header["numbers"] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        header["metric"] = run.metric
        header["now"] = now(run)
        header["own"] = answer(run.seen.fit, run.state_config.num_inner_steps) if run.own.task is not None else None
        header["change"] = run.change_id
        return packed(header, body)

    def _images(self, info: ImagesInfo, body: Floats) -> dict[str, Any]:
        """The task's images where the page does not have them, and where in the body the rest is."""
        pixels = [info.support_images.tobytes(), info.query_images.tobytes()]
        known, self._pixels = pixels == self._pixels, pixels
        found = {
            "shape": list(info.image_shape),
            "ink": info.ink,
            "names": list(info.class_names),
            "ways": info.probabilities.shape[2],
            "support_labels": info.support_labels.tolist(),
            "query_labels": info.query_labels.tolist(),
            "probabilities": body.add(info.probabilities.ravel()),
            "filters": body.add(info.filters.weights.ravel()),
            "filters_shape": list(info.filters.weights.shape[1:]),
            "units": info.filters.units.tolist(),
            "num_units": info.filters.num_units,
        }
        if not known:
            found["pixels"] = body.add_bytes(b"".join(pixels))
        return found


def _numbers(info: AnyInfo) -> list[bytes]:
    """What a record without traces sends, and what therefore makes it new."""
    if not isinstance(info, ImagesInfo):
        return []
    losses, labels = [info.support_loss, info.query_loss], [info.support_labels, info.query_labels]
    pixels = [info.support_images, info.query_images]
    filters = [info.filters.weights, info.filters.units]
    return [part.tobytes() for part in (info.probabilities, *filters, *losses, *labels, *pixels)]


def _steps(info: FitInfo | ImagesInfo) -> dict[str, Any]:
    """The losses of theta_0..theta_K on the demonstration task."""
    return {
        "count": len(info.query_loss),
        "num_inner_steps": info.num_inner_steps,
        "support_loss": _plain(info.support_loss),
        "query_loss": _plain(info.query_loss),
    }


def _curves(info: FitInfo, body: Floats) -> dict[str, Any]:
    """The curves of theta_0..theta_K."""
    return {
        "offset": body.add(info.curves.ravel()),
        "width": info.curves.shape[1],
        "grid_offset": body.add(info.grid),
    }


def looks(config: RunConfig, levels: Levels, *, metric: Metric = "loss", scratch: bool = False) -> Looks:
    """What the figures of a run depend on."""
    match config.tasks:
        case SinusoidConfig(amplitude=amplitude, x=x):
            height = 1.15 * max(abs(amplitude[0]), abs(amplitude[1]), 0.1)
        case LinearConfig(w_mean=w_mean, w_std=w_std, x=x):
            height = 1.15 * max((abs(w_mean) + 2.0 * w_std) * max(abs(x[0]), abs(x[1])), 0.1)
        case _:  # images have no curves
            x, height = (0.0, 1.0), 1.0
    learners: dict[Learner, bool] = {
        "maml": True,
        "random": True,
        "joint": config.joint_baseline,
        "oracle": config.oracle_baseline,
        "scratch": scratch,
    }
    return Looks(
        metric=metric,
        levels=reference_levels(config, levels, metric),
        loss_name="cross-entropy" if config.classifies else "MSE",
        x_range=x,
        y_range=(-height, height),
        learners=frozenset(name for name, shown in learners.items() if shown),
        algorithm=name_of(config),
        evaluation_steps=config.evaluation_steps,
        own_rule=own_rule(config),
    )


def layouts(run: LiveRun) -> dict[str, Any]:
    """What a run's charts have besides their looks, for both palettes: marks and reference lines, and the names of the learned rates and layers."""
    info = loss_info(run)
    x_range = charts.ranges(info)["xaxis"]
    found = {"loss": {name: charts.marks_layout(info, palette, x_range) for name, palette in PALETTES.items()}}
    if run.seen.rates is not None:
        names = run.seen.rates.names
        found["rates"] = {name: charts.rates_layout(names, palette) for name, palette in PALETTES.items()}
    if run.seen.moves is not None:
        layers = run.seen.moves.layers
        found["layers"] = {name: charts.layers_layout(layers, palette) for name, palette in PALETTES.items()}
    return found


def _plain(values: Any) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
