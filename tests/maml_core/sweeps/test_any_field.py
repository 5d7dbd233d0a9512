"""Axes of any field: ranges of tasks, depth, lists, and axes that count for some values of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import View, setting_info
from dashboard.setups.sweep_axes import axis_info
from dashboard.setups.sweep_draft import Draft, draft_of, sweep_of
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.sweeps.axes import Axis, axis_from_text, axis_text, with_values
from maml_core.sweeps.budget import groups
from maml_core.sweeps.definition import SweepConfig, lane_configs, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.findings import read
from maml_core.sweeps.sampling import refused_of, settings_of
from maml_core.sweeps.study import load_sweep, open_study
from maml_core.sweeps.tables import map_of, table
from tests.maml_core.cli.test_own_sweeps import Here

BASE = RunConfig()
TINY = RunConfig(
    model=MLPConfig(hidden_widths=(4,)),
    shots=2,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=3,
    joint_baseline=False,
)
CONDITION = "proximal=0.5,1,2 if algorithm=imaml"


def axes(*texts: str, base: RunConfig = BASE) -> tuple[Axis, ...]:
    return tuple(axis_from_text(text, base) for text in texts)


class TestFields:
    @pytest.mark.parametrize(
        ("text", "values", "changes"),
        [
            ("amplitude=0.1..5,0.1..1", ("0.1..5", "0.1..1"), {"amplitude": (0.1, 1.0)}),
            ("x=-5..5,-2..2", ("-5..5", "-2..2"), {"x": (-2.0, 2.0)}),
            ("phase_rad=0..3,0..1.5", ("0..3", "0..1.5"), {"phase_rad": (0.0, 1.5)}),
            ("test_amplitude=none,5..10", (None, "5..10"), {"test_amplitude": (5.0, 10.0)}),
            ("frequency=1,1..2", ("1..1", "1..2"), {"frequency": (1.0, 2.0)}),
        ],
    )
    def test_a_range_of_tasks_is_one_value_of_an_axis(
        self, text: str, values: tuple[Any, ...], changes: dict[str, Any]
    ):
        (axis,) = axes(text)
        assert axis.values == values
        assert with_values(BASE, {axis.name: values[-1]}).tasks == SinusoidConfig(**changes)
        assert axis_from_text(axis_text(axis), BASE) == axis
        sweep = SweepConfig(axes=(axis,))
        assert sweep_from_dict(sweep_to_dict(sweep)) == sweep

    def test_a_file_may_write_ranges_and_widths_as_lists(self):
        data = {
            "axes": [
                {"name": "tasks.x", "values": [[-5, 5], [-1.5, 2]]},
                {"name": "model.hidden_widths", "values": [[40, 20], 8]},
            ]
        }
        assert [axis.values for axis in sweep_from_dict(data).axes] == [("-5..5", "-1.5..2"), ("40x20", 8)]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("amplitude=5..0.1,1..2", "the smaller number first"),
            ("amplitude=far,1..2", "two numbers"),
            ("depth=1.5", "a whole number from 0 to 8"),
            ("depth=9", "a whole number from 0 to 8"),
            ("tasks=linear", "stands for several fields"),
        ],
    )
    def test_what_is_no_such_value_is_refused(self, text: str, words: str):
        with pytest.raises(ConfigError, match=words):
            axes(text)

    def test_depth_and_width_go_together(self):
        sweep = SweepConfig(axes=axes("depth=0,1,3", "width=8,16"))
        found = [lane_configs(sweep, one.values)[0].model.hidden_widths for one in settings_of(sweep) or ()]  # type: ignore[union-attr]
        assert found == [(), (), (8,), (16,), (8, 8, 8), (16, 16, 16)]

    def test_a_depth_of_layers_of_several_widths_is_left_out(self):
        sweep = SweepConfig(axes=axes("depth=1,2", "width=8,40x20"))
        assert sorted(refused_of(sweep)) == [1, 3]
        assert "layers of one width" in refused_of(sweep)[1]

    def test_convolutional_networks_have_layers_of_their_own(self):
        base = RunConfig(tasks=GlyphsConfig(), model=ConvConfig())
        with pytest.raises(ConfigError, match="no such field"):
            axes("depth=1,2", base=base)
        assert axes("num_layers=2,4", base=base)[0].name == "model.num_layers"


class TestConditions:
    def test_beside_other_values_there_is_one_setting_with_the_bases(self):
        sweep = SweepConfig(axes=axes("algorithm=maml,imaml", CONDITION, "alpha=0.01,0.1"))
        assert sweep.size == len(settings_of(sweep) or ()) == 8
        found = [tuple(one.values.values()) for one in settings_of(sweep) or ()]
        assert found[:3] == [("maml", None, 0.01), ("maml", None, 0.1), ("imaml", 0.5, 0.01)]
        (config,) = lane_configs(sweep, {"algorithm": "maml", "proximal": None, "alpha": 0.01})
        assert config.proximal == BASE.proximal
        assert sum(group.num_settings for group in groups(sweep).values()) == 8
        assert sweep_from_dict(sweep_to_dict(sweep)) == sweep

    @pytest.mark.parametrize("sampler", ["random", "sobol"])
    def test_drawn_settings_are_each_there_once(self, sampler: Any):
        sweep = SweepConfig(axes=axes("algorithm=maml,imaml", CONDITION), sampler=sampler, num_settings=4)
        found = {tuple(one.values.values()) for one in settings_of(sweep) or ()}
        assert found == {("maml", None), ("imaml", 0.5), ("imaml", 1.0), ("imaml", 2.0)}

    @pytest.mark.parametrize(
        ("texts", "fields", "words"),
        [
            ((CONDITION,), {}, "another axis of the sweep"),
            (("algorithm=maml,anil", CONDITION), {}, "values that the axis algorithm has: maml, anil"),
            (("algorithm=maml,imaml", CONDITION), {"sampler": "tpe"}, "an axis that always counts"),
            (("algorithm=maml,imaml", "test_alpha=none,0.1 if algorithm=maml"), {}, "none of them none"),
            (("algorithm=maml,imaml", "proximal=1,2 if imaml"), {}, "after if another axis"),
        ],
    )
    def test_a_condition_that_says_nothing_is_refused(self, texts: tuple[str, ...], fields: dict[str, Any], words: str):
        with pytest.raises(ConfigError, match=words):
            SweepConfig(axes=axes(*texts), **fields)

    def test_it_is_computed_kept_read_and_shown(self, tmp_path: Path):
        base = replace(TINY, {"num_inner_steps": 1})
        sweep = SweepConfig(
            base=base,
            axes=axes("order=second,first", "N=1,2 if order=second", "amplitude=0.1..5,0.1..1", base=base),
            num_steps=2,
            num_rungs=1,
            num_seeds=2,
        )
        assert sweep.size == 6
        with open_study(sweep, "it", storage=tmp_path) as study:
            results = run_sweep(sweep, study, Here(), at_once=1)
        assert [one.status for one in results] == ["ok"] * 6
        with load_sweep("it", storage=tmp_path) as study:
            assert study.sweep == sweep
            assert [dict(one.values) for one in study.results()] == [dict(one.values) for one in results]
        assert len(read(sweep, results)) >= 2
        assert table(sweep, results)["N"].tolist() == [1, 1, 2, 2, None, None]
        seen = map_of(sweep, results, "num_inner_steps", "order")
        assert (seen.x_values, seen.number.tolist()[1][:2]) == ((1, 2, None), [-1, -1])
        info = axis_info(sweep.axes[1], results)
        assert (info.scale, info.place(None)) == ("names", 2.0)
        settings = [setting_info(one, sweep, "loss") for one in results]
        shown = map_info(settings, sweep, View(x="num_inner_steps", y="order"), results).shown
        best_of_pairs = [min(pair, key=lambda number: results[number].value) for pair in ((0, 1), (2, 3), (4, 5))]
        assert [one.number for one in shown] == best_of_pairs
        assert settings[4].values["num_inner_steps"] is None
        journal = JournalStorage(JournalFileBackend(str(tmp_path / "it" / "study.log")))
        assert len(optuna.load_study(study_name="it", storage=journal).trials) == 6


class TestForm:
    def test_other_axes_are_written_as_on_the_command_line(self):
        draft = Draft(axes=("alpha",), others="depth=1,2; algorithm=maml,imaml; proximal=0.5,2 if algorithm=imaml")
        sweep = sweep_of(draft, BASE)
        assert [axis.name for axis in sweep.axes] == ["alpha", "model.depth", "algorithm", "proximal"]
        assert sweep.size == 8 * 2 * 3

    def test_a_sweep_that_is_opened_stands_in_the_form_whatever_its_axes(self):
        texts = (
            "alpha=0.003..0.3:log:8",
            "amplitude=0.1..5,0.1..1",
            "algorithm=maml,imaml",
            "proximal=0.5,2 if algorithm=imaml",
        )
        sweep = SweepConfig(axes=axes(*texts), num_rungs=6)
        draft = draft_of(sweep, "it", BASE)
        assert draft is not None
        assert (draft.axes, draft.others) == (
            ("alpha",),
            "tasks.amplitude=0.1..5,0.1..1; algorithm=maml,imaml; proximal=0.5,2 if algorithm=imaml",
        )

    def test_what_cannot_be_read_is_refused_with_its_name(self):
        with pytest.raises(ConfigError, match="no such field"):
            sweep_of(Draft(others="colour=red"), BASE)
