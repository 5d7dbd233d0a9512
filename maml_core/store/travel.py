"""A saved run as it was after any of its outer steps. Apart from the rest of the package, this imports torch."""

from __future__ import annotations

from maml_core.config import RunConfig
from maml_core.errors import ConfigError, StateError
from maml_core.headers import whole
from maml_core.moments import Moment, asked
from maml_core.plain import plain, whole_number
from maml_core.problem import Problem, build_problem
from maml_core.run_state import RunState
from maml_core.runs import advance_through, init_run
from maml_core.state_bytes import check_state, state_from_bytes
from maml_core.store.document import SavedRun


def state_at(run: SavedRun, step: int, *, problem: Problem | None = None) -> tuple[RunConfig, RunState]:
    """The set-up and the state of a saved run after some outer steps, with what its timeline changes there already changed.

    They are computed from the nearest state before that is kept, bit for bit those that the run went through, and those of a `replay`;
    only what a roll-back would go back to may be nearer.

    Args:
        run: From `load_run`.
        step: Outer steps taken, 0 to `run.step`.
        problem: That of a run with a problem of its own; in place of the one that the config names.

    Raises:
        ConfigError: The run has not come so far.
        StoreError: It was trained with a problem of its own, and none is given.
        DataError: Its images are not there, or are others; `store.images.with_images` says where they lie now.
        StateError: The states are not of this model, or the run, computed anew on another machine, stops earlier.

    >>> import tempfile
    >>> from maml_core import load_run, replay, save_run, state_to_bytes
    >>> start = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> config, state, records = replay(start, [], num_steps=4)
    >>> run = SavedRun(name="short", start=start, config=config, records=records, state=state_to_bytes(state), step=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save_run(folder + "/short", run)
    ...     config, state = state_at(load_run(folder + "/short"), 3)
    >>> state.step
    3
    """
    if isinstance(plain(step), int) and not 0 <= step <= run.step:
        raise ConfigError("step", step, f"an outer step from 0 to {run.step}, where the run stands")
    step = whole_number("step", step)
    if problem is None:
        run.need_settings("computed anew")
    entries = asked(run.timeline)
    nearest = _nearest(run, step, num_before=sum(entry.step < run.step for entry in entries))
    problem = problem or build_problem(run.config, trained=run.images)
    if nearest is None:
        config, state = run.start, init_run(run.start, problem=problem)
    else:
        config, state = nearest.config, state_from_bytes(nearest.state)
        check_state(state, config, problem)
        entries = entries[nearest.num_entries :]
    config, state, _ = advance_through(config, state, entries, num_steps=step - state.step, problem=problem)
    if state.step < step:
        raise StateError(f"computed anew, the run stops at outer step {state.step}: {state.status.sentence}")
    return config, state


def _nearest(run: SavedRun, step: int, *, num_before: int) -> Moment | None:
    """The newest state, not after a step, from which the run goes on as it did."""
    own = Moment(run.step, run.config, run.state, num_before)
    fitting = [moment for moment in (own, *run.moments) if moment.step <= step and _leads(moment, run, step)]
    return max(fitting, key=lambda moment: moment.step, default=None)


def _leads(moment: Moment, run: SavedRun, step: int) -> bool:
    """Whether no roll-back on the way went back to before a kept state, which has no older checkpoints."""
    on_the_way = [event for event in run.records.events if moment.step < event.step <= step]
    return all(whole(event.changes["to_step"], "to_step") >= moment.step for event in on_the_way)
