"""A set-up as a query string and back: exact for what was written, forgiving for everything else."""

from __future__ import annotations

import contextlib
import math
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.setups import address
from dashboard.setups.algorithms import name_of
from maml_core.config import LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from maml_core.records import Entry
from tests.dashboard.setups.test_algorithms import EVERY


def parsed(query: str) -> dict[str, str]:
    """What a browser makes of it."""
    return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


def intervals(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(numbers(low, high), numbers(low, high)).map(lambda pair: (min(pair), max(pair)))


SINUSOIDS = st.builds(
    SinusoidConfig,
    amplitude=intervals(0.0, 100.0),
    phase_rad=intervals(-100.0, 100.0),
    frequency=intervals(0.0, 100.0),
    test_amplitude=st.none() | intervals(0.0, 100.0),
    test_x=st.none() | intervals(-100.0, 100.0),
    x=intervals(-100.0, 100.0),
    noise_std=numbers(0.0, 100.0),
)
LINES = st.builds(
    LinearConfig,
    num_features=st.integers(1, 64),
    w_mean=numbers(-100.0, 100.0),
    w_std=numbers(0.0, 100.0),
    x=intervals(-100.0, 100.0),
)
WIDTHS = st.lists(st.integers(1, 1024), max_size=8).map(tuple)
ACTIVATIONS = st.sampled_from(["relu", "tanh", "gelu", "softplus"])
MODELS = st.builds(MLPConfig, hidden_widths=WIDTHS, activation=ACTIVATIONS, use_bias=st.booleans()) | st.builds(
    MLPConfig, hidden_widths=WIDTHS.filter(bool), activation=ACTIVATIONS, batch_norm=st.just(True)
)
CHANGEABLE: dict[str, st.SearchStrategy[Any]] = {
    "alpha": numbers(-100.0, 100.0),
    "num_inner_steps": st.integers(0, 50),
    "order": st.sampled_from(["second", "first"]),
    "beta": numbers(1e-300, 100.0),
    "outer_optimizer": st.sampled_from(["adam", "sgd"]),
    "clip_norm": st.none() | numbers(1e-300, 1e6),
    "recompute": st.booleans(),
    "shots": st.integers(1, 100),
    "num_query": st.integers(1, 500),
    "meta_batch_size": st.integers(1, 500),
}
SEEDS = st.integers(0, 2**31 - 1)
ALGORITHMS: dict[str, st.SearchStrategy[Any]] = {
    "algorithm": st.sampled_from(["maml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"]),
    **{name: st.booleans() for name in ("multi_step_loss", "per_step_rates", "anneal_order", "anneal_beta")},
    "epoch_steps": st.integers(1, 1_000_000),
    "multi_step_epochs": st.integers(1, 1_000_000),
    "final_beta": numbers(1e-300, 100.0),
    "proximal": numbers(1e-300, 1e6),
    "num_solver_steps": st.integers(1, 200),
    "batch_norm_treatment": st.sampled_from(["batch", "support", "running"]),
    "per_step_norm": st.booleans(),
    "per_step_statistics": st.booleans(),
    "norm_momentum": numbers(1e-300, 1.0),
    "oracle_baseline": st.booleans(),
    "head": st.sampled_from(["learned", "shared", "zeroed"]),
    "test_alpha": st.none() | numbers(-100.0, 100.0),
}


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Any set-up that the engine takes; switches that contradict the algorithm fall away."""
    config = draw(PLAIN)
    for name, values in ALGORITHMS.items():
        value = draw(values)
        with contextlib.suppress(ConfigError):
            config = replace(config, {name: value})
    return config


PLAIN = st.builds(
    RunConfig,
    tasks=SINUSOIDS | LINES,
    model=MODELS,
    adam_betas=st.tuples(numbers(0.0, 0.9), numbers(0.0, 0.99)),
    adam_eps=numbers(1e-300, 1.0),
    num_training_tasks=st.none() | st.integers(1, 10_000),
    weights_seed=SEEDS,
    tasks_seed=SEEDS,
    evaluation_seed=SEEDS,
    evaluation_tasks=st.integers(2, 100_000),
    evaluation_steps=st.integers(0, 100),
    evaluate_every=st.integers(1, 1_000_000),
    joint_baseline=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    **CHANGEABLE,
)
CONFIGS = configs()
CHANGES = st.fixed_dictionaries({}, optional=CHANGEABLE).filter(bool)
ENTRIES = st.builds(Entry, step=st.integers(1, 10_000_000), kind=st.just("change"), changes=CHANGES) | st.builds(
    Entry, step=st.integers(1, 10_000_000), kind=st.sampled_from(["resume", "branch"])
)
TIMELINES = st.lists(ENTRIES, max_size=8).map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.step)))


class TestRoundTrip:
    @given(config=CONFIGS)
    def test_a_set_up_is_read_back(self, config: RunConfig):
        assert address.read(parsed(address.write(config))) == address.Address(config, (), ())

    @given(config=PLAIN, timeline=TIMELINES)
    def test_what_was_written_is_read_back(self, config: RunConfig, timeline: tuple[Entry, ...]):
        read = address.read(parsed(address.write(config, timeline)))
        assert read == address.Address(config, timeline, ())

    @pytest.mark.parametrize("config", EVERY, ids=lambda config: name_of(config))
    def test_every_combination_of_algorithm_and_switches(self, config: RunConfig):
        assert address.read(parsed(address.write(config))) == address.Address(config, (), ())

    @pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
    def test_presets(self, preset: Any):
        assert address.read(parsed(address.write(preset.config))).config == preset.config

    def test_a_linear_model_without_hidden_layers(self):
        config = RunConfig(model=MLPConfig(hidden_widths=()))
        assert address.read(parsed(address.write(config))).config == config

    def test_only_differences_from_the_defaults_are_written(self):
        assert address.write(RunConfig(alpha=0.02)) == "v=1&alpha=0.02"

    def test_changes_before_the_first_step_belong_to_the_set_up(self):
        query = address.write(RunConfig(), [Entry(step=0, kind="change", changes={"alpha": 0.5})])
        assert address.read(parsed(query)) == address.Address(RunConfig(alpha=0.5), (), ())

    def test_roll_backs_are_left_to_the_replay(self):
        query = address.write(RunConfig(), [Entry(step=7, kind="rollback", changes={"to_step": 0})])
        assert query == "v=1"

    def test_a_timeline_of_many_drags(self):
        timeline = tuple(
            Entry(step=1000 + i, kind="change", changes={"alpha": 0.0123456789 + i * 1e-6}) for i in range(3000)
        )
        for count in (500, 3000):  # what fits is whole, what does not is left out, never cut
            query = parsed(address.write(RunConfig(), timeline[:count]))
            assert len(query.get("t", "")) <= address.MAX_TIMELINE
            assert address.read(query).timeline == (timeline[:count] if "t" in query else ())
            assert ("t" in query) == (count == 500)

    def test_a_timeline_that_is_too_long_is_never_cut_within_a_value(self):
        # Cut at any character, "12:a:0.55" would become the valid "12:a:0.5".
        for padding in range(7):
            entries = [f"{10**padding}:a:0.55", *["2000000:a:0.55"] * 2000]
            read = address.read({"t": "~".join(entries)})
            assert {entry.changes["alpha"] for entry in read.timeline} == {0.55}
            assert len(read.timeline) == len(entries) or read.notes


class TestForgiving:
    def test_without_an_address_there_is_the_default(self):
        default = RunConfig(alpha=0.3)
        assert address.read({}, default) == address.Address(default, (), ())

    def test_what_is_looked_at_is_no_set_up(self):
        default = RunConfig(alpha=0.3)
        assert address.read({"look": "task_disk"}, default) == address.Address(default, (), (), look="task_disk")
        timeline = (Entry(step=5, kind="change", changes={"alpha": 0.5}),)
        query = address.write(default, timeline, look="layers")
        assert address.read(parsed(query)) == address.Address(default, timeline, (), look="layers")
        assert "look" not in address.write(default, timeline)

    def test_what_belongs_to_others_is_not_ours(self):
        default = RunConfig(alpha=0.3)
        assert address.read({"utm_source": "mail", "embed": "true"}, default) == address.Address(default, (), ())

    @pytest.mark.parametrize(
        "query",
        [
            {"alpha": "nan"},
            {"alpha": "inf"},
            {"alpha": "-101"},
            {"alpha": ""},
            {"alpha": "__import__('os')"},
            {"alpha": "9" * 400},
            {"shots": "9" * 400},
            {"shots": "1.5"},
            {"shots": "0"},
            {"order": "third"},
            {"joint_baseline": "maybe"},
            {"tasks": "linear"},
            {"model": "none"},
            {"tasks.kind": "imagenet"},
            {"tasks.amplitude": "5.0_1.0"},
            {"tasks.amplitude": "1.0"},
            {"tasks.no_such": "1"},
            {"tasks.kind.kind": "linear"},
            {"model.hidden_widths": "40_x"},
            {"model.hidden_widths": "_".join(["4"] * 9)},
            {"model.hidden_widths": "4" * 30_000},
            {"alpha.kind": "1"},
            {"clip_norm.x": "1"},
            {"order.": "first"},
            {"shots.shots.shots": "1"},
            {"weights_seed": str(2**31)},
        ],
        ids=lambda query: str(query)[:50],
    )
    def test_a_bad_field_falls_back_with_a_note(self, query: dict[str, str]):
        read = address.read({"beta": "0.5", **query})
        assert read.config == RunConfig(beta=0.5)
        assert len(read.notes) == 1
        assert next(iter(query))[:20] in read.notes[0]

    def test_a_bad_field_leaves_the_others(self):
        read = address.read({"alpha": "x", "shots": "7", "tasks.noise_std": "0.5", "beta": "-3"})
        assert read.config == RunConfig(shots=7, tasks=SinusoidConfig(noise_std=0.5))
        assert len(read.notes) == 2

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            ":",
            "5",
            "5:",
            "5:a",
            "5:a:",
            "5:z:1",
            "5:a:nan",
            "5:a:-101",
            "-1:a:0.1",
            "99999999:a:0.1",
            "5:q:" + "9" * 400,
            "9" * 5000 + ":a:1",
            "5:rollback",
            "5:a:0.1,",
            "~",
        ],
        ids=lambda text: text[:20],
    )
    def test_a_bad_timeline_ends_with_a_note_before_it(self, text: str):
        read = address.read({"t": "2:a:0.5~" + text})
        assert [entry.step for entry in read.timeline] == [2]
        assert len(read.notes) == 1

    def test_a_timeline_out_of_order_ends_there(self):
        read = address.read({"t": "5:a:0.5~3:a:0.1"})
        assert ([entry.step for entry in read.timeline], len(read.notes)) == ([5], 1)

    def test_another_format_is_named(self):
        read = address.read({"v": "2", "alpha": "0.5"})
        assert read.config.alpha == 0.5
        assert "'2'" in read.notes[0]

    def test_notes_are_short_whatever_was_sent(self):
        read = address.read({"alpha": "x" * 10_000, "v": "y" * 10_000, "shots." + "z" * 10_000: "1", "t": "w" * 10_000})
        assert read.notes
        assert all(len(note) < 300 for note in read.notes)

    KEYS = st.sampled_from(
        ["v", "t", "alpha", "shots", "tasks.kind", "tasks.x", "tasks", "model.hidden_widths", "alpha.x", "clip_norm"]
    )
    PIECES = st.sampled_from(
        ["", "nan", "inf", "-1", "1e999", "0x10", "1_2", "none", "yes", "linear", "5:a:0.1", "5:u:sgd,c:none", "~", ":"]
    )

    @given(query=st.dictionaries(KEYS | st.text(max_size=20), PIECES | st.text(max_size=30), max_size=6))
    def test_anything_can_be_read(self, query: dict[str, str]):
        read = address.read(query)
        assert isinstance(read.config, RunConfig)
        config = read.config
        for entry in read.timeline:
            config = replace(config, entry.changes)
        assert math.isfinite(config.alpha)

    @given(query=st.dictionaries(KEYS | st.text(max_size=20), PIECES | st.text(max_size=30), max_size=6))
    def test_whatever_was_read_can_be_written_and_read_again(self, query: dict[str, str]):
        first = address.read(query)
        again = address.read(parsed(address.write(first.config, first.timeline)))
        assert again == address.folded(first.config, first.timeline)


def test_a_field_may_need_one_that_stands_behind_it() -> None:
    model = MLPConfig(batch_norm=True)
    config = RunConfig(model=model, batch_norm_treatment="running", per_step_statistics=True)
    query = dict(reversed(parse_qsl(address.write(config))))
    assert address.read(query) == address.Address(config, (), ())


def test_what_no_order_can_bear_is_said_once_for_each_field() -> None:
    found = address.read({"batch_norm_treatment": "running", "per_step_statistics": "yes", "shots": "7"})
    assert found.config == RunConfig(shots=7)
    assert [note.split(" = ")[0] for note in found.notes] == [
        "The address says batch_norm_treatment",
        "The address says per_step_statistics",
    ]


class TestStep:
    def test_the_step_that_the_run_had_taken_is_read(self):
        read = address.read({"v": "1", "alpha": "0.02", "at": "285"})
        assert (read.at, read.notes, read.config) == (285, (), replace(RunConfig(), {"alpha": 0.02}))

    def test_an_address_without_one_says_nothing(self):
        assert address.read({"v": "1", "alpha": "0.02"}).at == 0

    @pytest.mark.parametrize("text", ["-1", "1.5", "x", "99999999", "123456789", "٣", ""])
    def test_what_is_no_step_is_noted(self, text: str):
        read = address.read({"v": "1", "at": text})
        assert read.at == 0
        assert len(read.notes) == 1
        assert "at = " in read.notes[0]
