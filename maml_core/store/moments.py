"""The kept states of a run as one file, and back. Nothing here imports torch."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from maml_core.config import RunConfig
from maml_core.headers import facts_of, whole
from maml_core.moments import Moment, Moments, asked, max_bytes, set_ups
from maml_core.records import Entry


def moments_to_bytes(moments: Iterable[Moment]) -> bytes:
    """States as a file of safetensors: the bytes of each under its outer step, and in the header how many lines of the timeline acted
    before it. The set-ups are not in it: start and timeline say them.
    """
    arrays = {str(moment.step): np.frombuffer(moment.state, np.uint8) for moment in moments}
    facts = {str(moment.step): moment.num_entries for moment in moments}
    return save(arrays, metadata={"moments": json.dumps(facts)})


def moments_from_bytes(data: bytes, *, start: RunConfig, timeline: Sequence[Entry], step: int) -> tuple[Moment, ...]:
    """What `moments_to_bytes` wrote, `fitted` to the run.

    Raises:
        ValueError: It is damaged, or not of this run.
    """
    try:
        facts, arrays = facts_of(data, "moments"), load(data)
        if facts.keys() != arrays.keys():
            raise ValueError(f"there are states of outer steps {sorted(arrays)} and facts of {sorted(facts)}")
        if wrong := [name for name, value in arrays.items() if value.dtype != np.uint8]:
            raise ValueError(f"the state of outer step {wrong[0]} is no bytes")
        found = [
            Moment(int(name), start, value.tobytes(), whole(facts[name], "num_entries"))
            for name, value in arrays.items()
        ]
    except (SafetensorError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return fitted(sorted(found, key=lambda moment: moment.step), start=start, timeline=timeline, step=step)


def fitted(moments: Sequence[Moment], *, start: RunConfig, timeline: Sequence[Entry], step: int) -> tuple[Moment, ...]:
    """As many of the kept states as there is room for, each with the set-up that start and timeline say.

    Args:
        moments: Oldest first.
        start: The set-up at outer step 0.
        timeline: What was changed since.
        step: Outer steps that the run has taken.

    Raises:
        ValueError: They are not of this run.
    """
    steps = [entry.step for entry in asked(timeline)]
    before = -1
    for moment in moments:
        if not before < moment.step <= step:
            raise ValueError(
                f"a state of outer step {moment.step} comes after {before}, in a run of {step} outer steps"
            )
        if not bisect_left(steps, moment.step) <= moment.num_entries <= bisect_right(steps, moment.step):
            raise ValueError(
                f"{moment.num_entries} lines of the timeline acted before outer step {moment.step}; by their steps it is another number"
            )
        if (its_step := _step_of(moment.state)) != moment.step:
            raise ValueError(f"the state of outer step {moment.step} says that it is of {its_step}")
        before = moment.step
    kept = tuple(Moments(max_bytes(start), moments))
    configs = list(islice(set_ups(start, timeline), kept[-1].num_entries + 1)) if kept else []
    return tuple(moment._replace(config=configs[moment.num_entries]) for moment in kept)


def _step_of(state: bytes) -> object:
    try:
        return facts_of(state, "run_state")["step"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a kept state is none ({error})") from error
