"""A run state as bytes: everything comes back, and damage is a `StateError`, never anything else."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from maml_core.config import MLPConfig, RunConfig
from maml_core.errors import StateError
from maml_core.run_state import RunState
from maml_core.runs import CHECKPOINT_EVERY, advance, init_run
from maml_core.state_bytes import RecentStates, state_from_bytes, state_to_bytes
from tests.maml_core.helpers import same, tiny


def advanced(config: RunConfig, steps: int) -> RunState:
    return advance(config, init_run(config), num_steps=steps)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"joint_baseline": False},
        {"oracle_baseline": True},
        {"outer_optimizer": "sgd"},
        {"dtype": "float32"},
        {"model": MLPConfig(hidden_widths=(), use_bias=False)},
    ],
    ids=str,
)
def test_a_state_comes_back_bit_for_bit(changes: dict[str, Any]) -> None:
    """Trap 15: the optimiser's moments are part of the state."""
    config = tiny(**changes)
    state = advanced(config, CHECKPOINT_EVERY + 2)
    assert same(state_from_bytes(state_to_bytes(state)), state)


def test_a_stopped_state_comes_back_with_its_sentence() -> None:
    config = tiny(alpha=1.0, num_inner_steps=20, model=MLPConfig(), dtype="float32")
    state = advanced(config, 5)
    assert state.status.kind == "diverged"
    assert same(state_from_bytes(state_to_bytes(state)), state)


def test_equal_states_are_equal_bytes() -> None:
    state = advanced(tiny(), 3)
    assert state_to_bytes(state_from_bytes(state_to_bytes(state))) == state_to_bytes(state)


def test_resuming_from_bytes_equals_one_run() -> None:
    """Trap 15."""
    config = tiny()
    halfway = state_from_bytes(state_to_bytes(advanced(config, 5)))
    assert same(advance(config, halfway, num_steps=5)[0], advanced(config, 10))


def test_moments_that_are_lost_would_show() -> None:
    """Trap 15: a resume with fresh moments is another run, so the test above can fail."""
    config = tiny()
    halfway = advanced(config, 5)
    fresh = halfway._replace(meta=halfway.meta._replace(optimizer=init_run(config).meta.optimizer))
    assert not same(advance(config, fresh, num_steps=5)[0].meta.theta, advanced(config, 10).meta.theta)


DATA = state_to_bytes(init_run(tiny()))


@pytest.mark.parametrize("length", [*range(0, len(DATA), 500), len(DATA) - 1])
def test_truncated_bytes_are_a_state_error(length: int) -> None:
    with pytest.raises(StateError):
        state_from_bytes(DATA[:length])


def _with_facts(**changes: Any) -> bytes:
    """The same arrays with other facts beside them."""
    header = json.loads(DATA[8 : 8 + int.from_bytes(DATA[:8], "little")])
    facts = json.loads(header["__metadata__"]["run_state"])
    return save(load(DATA), metadata={"run_state": json.dumps({**facts, **changes})})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"garbage" * 100,
        bytes(1000),
        b"\xff" * 1000,
        DATA + b"more",
        b"PK\x03\x04" + DATA,
        save({"a": np.zeros(3)}),
        save({"a": np.zeros(3)}, metadata={"run_state": "not json"}),
        save({"a": np.zeros(3)}, metadata={"run_state": "[1, 2]"}),
        save({"a": np.zeros(3)}, metadata={"run_state": "{}"}),
        save({}, metadata={"run_state": json.dumps({"format": 1})}),
        (1 << 62).to_bytes(8, "little") + DATA[8:],
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
    ],
    ids=range(14),
)
def test_what_is_no_run_state_is_a_state_error(data: bytes) -> None:
    with pytest.raises(StateError):
        state_from_bytes(data)


@pytest.mark.parametrize("version", [0, 2, "3", None])
def test_another_format_is_refused_by_its_number(version: Any) -> None:
    with pytest.raises(StateError, match=f"format {version!r}, this version reads 3"):
        state_from_bytes(_with_facts(format=version))


@pytest.mark.parametrize(
    "changes",
    [
        {"order": None},
        {"order": []},
        {"order": ["nothing"]},
        {"order": ["w0"]},
        {"optimizer_steps": {}},
        {"optimizer_steps": None},
        {"status": ["ok", "", "more"]},
        {"status": None},
        {"step": "ten"},
        {"step": None},
        {"step": -1},
        {"loss_scale": "large"},
        {"high_loss_steps": None},
    ],
    ids=str,
)
def test_facts_that_make_no_sense_are_a_state_error(changes: dict[str, Any]) -> None:
    with pytest.raises(StateError):
        state_from_bytes(_with_facts(**changes))


def test_a_missing_parameter_is_a_state_error() -> None:
    arrays = load(DATA)
    del arrays["meta/parameters/b0"]
    header = json.loads(DATA[8 : 8 + int.from_bytes(DATA[:8], "little")])
    with pytest.raises(StateError):
        state_from_bytes(save(arrays, metadata=header["__metadata__"]))


def test_a_flipped_byte_is_a_state_or_a_state_error() -> None:
    chance = random.Random(0)
    refused = 0
    for _ in range(400):
        data = bytearray(DATA)
        data[chance.randrange(len(data) // 2)] = chance.randrange(256)
        try:
            assert isinstance(state_from_bytes(bytes(data)), RunState)
        except StateError:
            refused += 1
    assert refused > 100


def test_a_remembered_state_is_the_one_that_was_written() -> None:
    config = tiny()
    state, _ = advance(config, init_run(config), num_steps=3)
    recent = RecentStates()
    data = recent.data(state)
    assert data == state_to_bytes(state)
    assert recent.state(data) is state
    assert same(recent.state(data), state)  # taken out by the first look, and read this time


def test_runs_that_stand_at_equal_states_all_find_theirs() -> None:
    """As when a class opens one address."""
    recent, state = RecentStates(), init_run(tiny())
    data = [recent.data(state) for _ in range(3)]
    assert all(recent.state(one) is state for one in data)
    assert recent.state(data[0]) is not state


def test_states_are_remembered_in_bounded_memory() -> None:
    recent, config = RecentStates(), tiny()
    state = init_run(config)
    for step in range(3 * RecentStates.MAX_STATES):
        recent.data(state._replace(step=step))
    newest, oldest = state._replace(step=3 * RecentStates.MAX_STATES - 1), state._replace(step=0)
    assert recent.state(state_to_bytes(newest)) == newest
    assert recent.state(state_to_bytes(oldest)) is not oldest
