"""What a run is on held-out tasks: its newest numbers and its curves, which end in what was found where it stands."""

from __future__ import annotations

from dashboard.charts.results import Curves, Metric
from dashboard.live.history import Newest, ending
from dashboard.live.watched import Watched
from maml_core.records import Summary


def newest(run: Watched, metric: Metric) -> Newest:
    """The newest numbers of the run. Its records judge every few outer steps only: once it was looked at since then, as it is where it stands,
    the numbers are those of that look, which the chart of held-out tasks shows.
    """
    seen, kept = run.audience.seen, run.history.newest(metric)
    judged = judged_by(seen.trajectories.get("maml"), run.state_config.num_inner_steps, metric)
    looked = seen.trajectories_at
    if judged is None or looked is None or looked > run.step or looked < kept.held_out_step:
        return kept
    return kept.judged(looked, *judged)


def curves(run: Watched, metric: Metric, *, stands: bool) -> Curves:
    """The curves of the run.

    Args:
        run: Which.
        metric: What they show.
        stands: It trains no further: they end in what was found where it stands, if that is known.
    """
    found, judged = run.history.curves(metric), newest(run, metric)
    if not stands or judged.held_out_step != run.step:
        return found
    return ending(found, run.step, judged.before, judged.after)


def judged_by(found: Summary | None, num_steps: int, metric: Metric) -> tuple[float, float] | None:
    """What a look at held-out tasks has found, before adaptation and after so many inner steps; None where it says nothing of them."""
    line = None if found is None else (found.accuracy if metric == "accuracy" else found.mean)
    return None if line is None or num_steps >= len(line) else (float(line[0]), float(line[num_steps]))
