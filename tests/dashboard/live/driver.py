"""What tests of a live run have in common: small set-ups, and a driver that plays the hub's part."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from dashboard.charts import adaptation, fit, gauge, images, layers, loss, path, rates
from dashboard.live.chart_data import results
from dashboard.live.pacing import Pace
from dashboard.live.run import LiveRun
from dashboard.live.viewer import Viewer
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.records import Entry
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(6,)),
    shots=3,
    num_query=4,
    meta_batch_size=3,
    evaluation_tasks=4,
    evaluation_steps=2,
    evaluate_every=5,
)
IMAGES = RunConfig(
    tasks=GlyphsConfig(ways=4),
    model=MLPConfig(hidden_widths=(6,)),
    alpha=0.1,
    num_inner_steps=2,
    shots=1,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=4,
    evaluation_steps=3,
    evaluate_every=5,
    joint_baseline=False,
)
EXPLOSIVE = replace(TINY, {"alpha": 0.3})
"""Diverges after a dozen outer steps."""

STEP_S = 0.001
"""What an outer step takes a driver, however busy the machine is: the run answers before a step that takes long."""


def computed(request: ChunkRequest) -> ChunkResult:
    """A chunk whose outer steps take `STEP_S` each."""
    result = run_chunk(request)
    taken = 0 if result.records is None else len(result.records.steps)
    return dataclasses.replace(result, advance_s=taken * STEP_S)


class Driver:
    """Plays the hub's part. A chunk asked for with `steps` stops there instead of at a time limit, so that nothing depends on speed."""

    def __init__(self, config: RunConfig = TINY, timeline: Sequence[Entry] = (), *, at: int = 0) -> None:
        self.run, self.viewer = LiveRun(config, timeline, at=at), Viewer()
        self.run.audience.join(self.viewer)
        self.now = 1000.0

    def request(self, *, steps: int | None = None, frame_s: float = 0.1) -> ChunkRequest:
        request = self.run.next_request(self.now, budget_s=0.03, pace=Pace(frame_s=frame_s))
        if (request.num_steps is None and steps is not None) or (
            request.num_steps is not None and steps is not None and request.num_steps >= steps
        ):
            request = dataclasses.replace(request, num_steps=steps, budget_s=None)
        return request

    def chunk(self, *, steps: int | None = None, frame_s: float = 0.1) -> ChunkResult:
        result = computed(self.request(steps=steps, frame_s=frame_s))
        self.run.finished(result, self.now)
        return result

    def trained(self, seconds: float) -> None:
        """So long on a machine that has nothing else to do."""
        self.now += seconds
        self.run.audience.pacing.trained_s += seconds

    def opened(self) -> Driver:
        """With the first look at outer step 0."""
        self.chunk()
        return self

    def played(self, steps: int) -> Driver:
        """Play `steps` outer steps in one chunk and stand there, still playing."""
        self.run.play()
        self.chunk(steps=steps)
        return self


def texts(run: LiveRun) -> list[str]:
    return [mark.text for mark in run.changes.marks.all]


def loss_info(run: LiveRun, viewer: Viewer) -> loss.LossInfo:
    return loss.loss_info(results(run, viewer))


def fit_info(run: LiveRun, viewer: Viewer) -> fit.FitInfo | None:
    return fit.fit_info(results(run, viewer))


def images_info(run: LiveRun, viewer: Viewer) -> images.ImagesInfo | None:
    return images.images_info(results(run, viewer))


def adaptation_info(run: LiveRun, viewer: Viewer) -> adaptation.AdaptationInfo:
    return adaptation.adaptation_info(results(run, viewer))


def path_info(run: LiveRun, viewer: Viewer) -> path.PathInfo | None:
    return path.path_info(results(run, viewer))


def layers_info(run: LiveRun, viewer: Viewer) -> layers.LayersInfo | None:
    return layers.layers_info(results(run, viewer))


def gauge_info(run: LiveRun) -> gauge.GaugeInfo | None:
    return gauge.gauge_info(results(run, Viewer()))


def rates_info(run: LiveRun) -> rates.RatesInfo | None:
    return rates.rates_info(results(run, Viewer()))


def replayed_state(run: LiveRun) -> bytes:
    """What the engine makes of the run's start and timeline."""
    _, state, _ = replay(run.changes.start, run.changes.done, num_steps=run.step)
    return state_to_bytes(state)
