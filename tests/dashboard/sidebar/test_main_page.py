"""The page's script: widgets show the run's set-up, and what they say reaches the run."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.charts.symbols import in_markdown
from dashboard.live.run import LiveRun
from dashboard.server import start
from dashboard.server.hub import Hub
from dashboard.setups.algorithms import NAMES, NORM_SWITCHES, SWITCHES, choice_of, chosen, why_no_order, why_not
from dashboard.setups.pretrained import pretrained
from dashboard.setups.setting_names import SETTING_NAMES
from dashboard.setups.settings import on_the_page
from dashboard.sidebar import run_form
from dashboard.sidebar.run_form import MORE, PLUS_PLUS
from maml_core.config import LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.presets import DEFAULT_PRESET, PRESETS, Preset
from maml_core.records import Entry
from maml_core.values import written
from tests.dashboard.server.clients import Inline

MAIN = Path(dashboard.__file__).parent / "main.py"
START = DEFAULT_PRESET.config
_COMPONENTS = "streamlit.components.v2.component_manager.BidiComponentManager"
TIMEOUT_S = 30
"""How long the first run of the script may take, which imports; the others take a hundredth of a second."""


class Idle(Inline):
    """Stands in for the process pool; the script gives it nothing to compute."""

    num_workers = 1


def explained(app: AppTest) -> list[tuple[str, str]]:
    """Every control that takes a value and is seen, with its explanation."""
    kinds = (app.number_input, app.text_input, app.selectbox, app.multiselect, app.toggle, app.button_group, app.slider)
    return [(widget.label, widget.proto.help) for kind in kinds for widget in kind if widget.key != "page.told"]


class Busy:
    """The hub's event loop while it is busy: what a script asks of it is done a moment later, in the loop's own thread."""

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        threading.Timer(0.05, callback).start()


class Visit:
    """A page as its visitor sees it, and the run behind it."""

    def __init__(self, **query: str) -> None:
        self.app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S)
        for name, text in query.items():
            self.app.query_params[name.replace("__", ".")] = text
        self.open(MORE, PLUS_PLUS)

    def open(self, *popovers: str, open: bool = True) -> Visit:
        """Open popovers, or close them."""
        for key in popovers:
            self.app.session_state[key] = open
        return self.rerun()

    def rerun(self) -> Visit:
        self.app.run()
        assert [error.value for error in self.app.exception] == []
        return self

    def choose(self, **values: Any) -> Visit:
        """Change widgets, all before one rerun."""
        for field, value in values.items():
            self._widget(f"set.{field}").set_value(value)
        return self.rerun()

    def switch_scratch(self, *, on: bool) -> Visit:
        self._widget("view.scratch").set_value(on)
        return self.rerun()

    def preset(self, name: str) -> Visit:
        self.app.selectbox(key="preset").set_value(name)
        return self.rerun()

    def _widget(self, key: str) -> Any:
        return next(widget for widget in self._widgets() if widget.key == key)

    def _widgets(self) -> list[Any]:
        app = self.app
        return [*app.number_input, *app.text_input, *app.selectbox, *app.toggle, *app.button_group, *app.slider]

    @property
    def shown(self) -> dict[str, Any]:
        """What the widgets show, by setting."""
        return {w.key.removeprefix("set."): w.value for w in self._widgets() if w.key.startswith("set.")}

    @property
    def notes(self) -> list[str]:
        return [note.replace("\\", "") for toast in self.app.toast for note in toast.value.split("\n\n")]

    @property
    def token(self) -> str:
        """The one that the component is mounted with."""
        (mounted,) = self.app.get("bidi_component")
        token: str = json.loads(mounted.proto.json)["token"]
        return token

    @property
    def run(self) -> LiveRun:
        page = hub().pages.get(self.token)
        assert page is not None
        return page.run

    @property
    def config(self) -> RunConfig:
        config = hub().config(self.token)
        assert config is not None
        return config


def hub() -> Hub:
    return start.get_hub()


@contextlib.contextmanager
def own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub for one test, and no process."""
    monkeypatch.setattr(start, "get_pool", Idle)
    # Streamlit would look through every installed package for components at each start of the app.
    monkeypatch.setattr(f"{_COMPONENTS}.discover_and_register_components", lambda *_, **__: None, raising=False)
    start.get_hub.cache_clear()
    try:
        yield
    finally:
        start.get_hub.cache_clear()


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with own_hub(monkeypatch):
        yield


def test_a_pretrained_run_whose_folder_is_gone_leaves_the_sidebar_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    name, *_ = pretrained()
    visit = Visit().preset(name)
    assert visit.app.selectbox(key="preset").value == name
    monkeypatch.setattr(run_form, "pretrained", dict)
    assert visit.rerun().app.selectbox(key="preset").value is None
    assert visit.run.config.alpha == 0.02  # the run itself goes on


class TestOpening:
    def test_the_default_preset_is_opened(self):
        assert Visit().config == START

    def test_the_widgets_show_it(self):
        assert Visit().shown == on_the_page(START)

    def test_the_widgets_show_the_runs_own_values(self):
        shown = Visit().shown
        assert shown == {
            "family": "sinusoid",
            "norm": "off",
            "head": "learned",
            "recompute": False,
            "per_step_norm": False,
            "per_step_statistics": False,
            "shots": 10,
            "meta_batch_size": 10,
            "algorithm": "maml",
            "order": "second",
            "multi_step_loss": False,
            "per_step_rates": False,
            "anneal_order": False,
            "anneal_beta": False,
            "epoch_steps": 500,
            "num_epochs": 100,
            "multi_step_epochs": 15,
            "first_order_epochs": 50,
            "final_beta": 1e-5,
            "outer_optimizer": "adam",
            "hidden_widths": "40,40",
            "activation": "relu",
            "seed": 0,
            "num_query": 10,
            "frequency": "1,1",
            "test_amplitude": "none",
            "test_phase_rad": "none",
            "test_x": "none",
            "noise_std": 0.0,
            "test_alpha": "none",
            "num_training_tasks": "none",
            "clip_norm": "none",
            "evaluation_steps": 10,
            "joint_baseline": True,
            "oracle_baseline": False,
        }

    def test_nothing_is_noted(self):
        assert Visit().notes == []

    def test_the_component_gets_a_page_that_the_hub_knows(self):
        visit = Visit()
        assert hub().knows(visit.token)
        assert [page.token for page in hub().pages.all()] == [visit.token]

    def test_the_component_stays_where_it_is(self):
        visit = Visit()
        before = visit.app.get("bidi_component")[0].proto
        after = visit.choose(shots=4).app.get("bidi_component")[0].proto
        assert (after.id, after.json) == (before.id, before.json)

    def test_two_visitors_have_runs_of_their_own(self):
        one, other = Visit(), Visit()
        one.choose(shots=3)
        assert (one.config.shots, other.config.shots) == (3, 10)

    def test_a_page_that_the_hub_has_forgotten_is_opened_again(self):
        visit = Visit()
        forgotten = visit.token
        start.get_hub.cache_clear()
        visit.rerun()
        assert visit.token != forgotten
        assert visit.config == START

    def test_the_widgets_follow_a_page_that_is_opened_again(self):
        visit = Visit().choose(shots=3)
        start.get_hub.cache_clear()
        assert visit.rerun().shown == on_the_page(visit.config)

    def test_a_widget_of_a_forgotten_page_harms_nobody(self):
        visit = Visit()
        start.get_hub.cache_clear()
        visit.choose(hidden_widths="20")
        assert visit.shown == on_the_page(visit.config)


LIVE = [
    ("shots", 5, {"shots": 5}),
    ("meta_batch_size", 40, {"meta_batch_size": 40}),
    ("order", "first", {"order": "first"}),
    ("outer_optimizer", "sgd", {"outer_optimizer": "sgd"}),
    ("num_query", 25, {"num_query": 25}),
    ("clip_norm", "2.5", {"clip_norm": 2.5}),
    ("clip_norm", " 1e-3 ", {"clip_norm": 1e-3}),
    ("clip_norm", "2,5", {"clip_norm": 2.5}),
    ("test_alpha", "0,05", {"test_alpha": 0.05}),
    ("evaluation_steps", 0, {"evaluation_steps": 0}),
    ("evaluation_steps", 60, {"evaluation_steps": 60}),
    ("joint_baseline", False, {"joint_baseline": False}),
    ("oracle_baseline", True, {"oracle_baseline": True}),
]
RESTARTING = [
    ("hidden_widths", "20, 30", {"model": MLPConfig(hidden_widths=(20, 30))}),
    ("hidden_widths", "64", {"model": MLPConfig(hidden_widths=(64,))}),
    ("hidden_widths", " 8;9  10 ", {"model": MLPConfig(hidden_widths=(8, 9, 10))}),
    ("hidden_widths", "", {"model": MLPConfig(hidden_widths=())}),
    ("head", "zeroed", {"head": "zeroed"}),
    ("activation", "tanh", {"model": MLPConfig(activation="tanh")}),
    ("seed", 7, {"weights_seed": 7, "tasks_seed": 7}),
    ("family", "linear", {"tasks": LinearConfig(), "beta": 1e-3}),
    ("noise_std", 0.5, {"tasks": SinusoidConfig(noise_std=0.5)}),
    ("num_training_tasks", "30", {"num_training_tasks": 30}),
    ("test_amplitude", "5;7.5", {"tasks": SinusoidConfig(test_amplitude=(5.0, 7.5))}),
    ("test_x", "-6 -5", {"tasks": SinusoidConfig(test_x=(-6.0, -5.0))}),
    ("frequency", "0.8, 1.2", {"tasks": SinusoidConfig(frequency=(0.8, 1.2))}),
]


class TestWidgets:
    @pytest.mark.parametrize(("field", "value", "changes"), LIVE)
    def test_what_may_change_while_it_trains_reaches_the_run(self, field: str, value: Any, changes: dict[str, Any]):
        visit = Visit()
        visit.run.step = 50
        visit.choose(**{field: value})
        assert (visit.run.step, visit.config) == (50, replace(START, changes))

    @pytest.mark.parametrize(("field", "value", "changes"), RESTARTING)
    def test_what_may_not_restarts_it(self, field: str, value: Any, changes: dict[str, Any]):
        visit = Visit()
        visit.run.step = 50
        visit.choose(**{field: value})
        assert (visit.run.step, visit.run.changes.start) == (0, replace(START, changes))

    def test_a_widget_keeps_what_was_chosen(self):
        visit = Visit().choose(shots=5).choose(hidden_widths="20", order="first")
        assert visit.rerun().shown == on_the_page(visit.config)

    def test_clipping_is_turned_off_again(self):
        assert Visit(clip_norm="2.5").choose(clip_norm="").config.clip_norm is None

    def test_a_live_setting_from_elsewhere_survives_a_restart(self):
        visit = Visit()
        hub().change(visit.token, {"alpha": 0.3})
        visit.choose(hidden_widths="20")
        assert visit.config.alpha == 0.3

    def test_a_noisy_family_stays_noisy(self):
        visit = Visit().choose(noise_std=0.5).choose(family="linear")
        assert visit.config.tasks == LinearConfig(noise_std=0.5)

    def test_a_familys_own_ranges_survive_noise(self):
        visit = Visit(tasks__amplitude="1.0_2.0").choose(noise_std=0.5)
        assert visit.config.tasks == SinusoidConfig(amplitude=(1.0, 2.0), noise_std=0.5)

    @pytest.mark.parametrize(
        "values",
        [
            {"shots": 5, "meta_batch_size": 3},
            {"shots": 5, "evaluation_steps": 4},
            {"order": "first", "evaluation_steps": 4},
            {"evaluation_steps": 4, "joint_baseline": False},
        ],
        ids=str,
    )
    def test_two_changes_in_one_rerun_both_count(self, values: dict[str, Any]):
        assert Visit().choose(**values).config == replace(START, values)

    def test_two_changes_of_the_network_in_one_rerun_both_count(self):
        model = Visit().choose(hidden_widths="20", activation="tanh").config.model
        assert (model.hidden_widths, model.activation) == ((20,), "tanh")

    def test_two_changes_of_the_tasks_in_one_rerun_both_count(self):
        assert Visit().choose(family="linear", noise_std=0.5).config.tasks == LinearConfig(noise_std=0.5)


class TestScratch:
    def test_its_switch_shows_it_and_leaves_the_run(self):
        visit = Visit()
        visit.run.step = 50
        visit.switch_scratch(on=True)
        assert (visit.run.audience.scratch, visit.run.step, visit.config) == (True, 50, START)
        assert not visit.switch_scratch(on=False).run.audience.scratch

    def test_what_would_take_too_long_is_noted_and_the_switch_goes_back(self):
        visit = Visit(model__hidden_widths="400_400").switch_scratch(on=True)
        assert "too much work to train from scratch" in visit.notes[0]
        assert not visit.run.audience.scratch
        assert not visit._widget("view.scratch").value

    def test_a_page_that_the_hub_has_forgotten_opens_without_it(self):
        visit = Visit().switch_scratch(on=True)
        for page in hub().pages.all():
            hub().pages.forget(page)
        visit.rerun()
        assert (visit.run.audience.scratch, visit._widget("view.scratch").value) == (False, False)


class TestAlgorithms:
    @pytest.mark.parametrize("choice", NAMES)
    def test_each_is_chosen(self, choice: Any):
        visit = Visit().choose(algorithm=choice)
        assert choice_of(visit.config) == choice
        assert visit.shown == on_the_page(visit.config)
        assert visit.notes == list(chosen(START, choice).notes)

    def test_another_one_restarts_the_run(self):
        visit = Visit()
        visit.run.step = 50
        visit.choose(algorithm="reptile")
        assert (visit.run.step, visit.run.changes.start) == (0, replace(START, {"algorithm": "reptile"}))

    def test_fomaml_is_the_order_and_goes_on(self):
        visit = Visit()
        visit.run.step = 50
        visit.choose(algorithm="fomaml")
        assert (visit.run.step, visit.config) == (50, replace(START, {"order": "first"}))
        assert visit.shown["order"] == "first"
        visit.choose(order="second")
        assert (visit.run.step, visit.shown["algorithm"]) == (50, "maml")

    def test_what_contradicts_it_is_reset_with_a_note(self):
        visit = Visit(multi_step_loss="yes").choose(algorithm="imaml")
        assert visit.notes[0] == "Multi-step loss cannot act with iMAML: it was switched off."
        assert visit.shown["multi_step_loss"] is False

    def test_no_widget_keeps_what_the_run_has_not(self):
        visit = Visit()
        for choice in [*NAMES, *reversed(NAMES)]:
            visit.choose(algorithm=choice)
            assert visit.shown == on_the_page(visit.config)

    @pytest.mark.parametrize("choice", NAMES)
    def test_switches_that_cannot_act_are_disabled_with_the_reason(self, choice: Any):
        visit = Visit().choose(algorithm=choice)
        captions = [caption.value for caption in visit.app.caption]
        for switch in SWITCHES:
            reason = why_not(visit.config, switch)
            assert visit._widget(f"set.{switch}").disabled is bool(reason)
            assert reason == "" or reason in captions
        order = visit._widget("set.order")
        assert order.disabled is bool(why_no_order(visit.config))
        assert order.help.startswith(why_no_order(visit.config))

    def test_a_switch_restarts_the_run_with_it(self):
        visit = Visit()
        visit.run.step = 50
        visit.choose(multi_step_loss=True)
        assert (visit.run.step, visit.run.changes.start) == (
            0,
            replace(START, {"multi_step_loss": True, "multi_step_epochs": 20, "epoch_steps": 50}),
        )

    def test_a_horizon_waits_for_its_switch(self):
        visit = Visit()
        assert visit._widget("set.multi_step_epochs").disabled
        visit.choose(multi_step_loss=True).choose(multi_step_epochs=4)
        assert visit.config.multi_step_epochs == 4

    def test_the_fourth_switch_makes_it_maml_plus_plus(self):
        visit = Visit().choose(multi_step_loss=True).choose(per_step_rates=True).choose(anneal_order=True)
        assert visit.shown["algorithm"] == "maml"
        assert visit.choose(anneal_beta=True).shown["algorithm"] == "maml_plus_plus"
        assert visit.choose(per_step_rates=False).shown["algorithm"] == "maml"

    def test_the_solver_has_its_settings_and_nothing_else_has(self):
        visit = Visit()
        assert "proximal" not in visit.shown
        visit.choose(algorithm="imaml").choose(proximal=7.5).choose(num_solver_steps=9)
        assert (visit.config.proximal, visit.config.num_solver_steps) == (7.5, 9)
        assert "proximal" not in visit.choose(algorithm="anil").shown

    def test_batch_norm_restarts_the_run_and_wakes_its_switches(self):
        visit = Visit()
        assert all(visit._widget(f"set.{switch}").disabled for switch in NORM_SWITCHES)
        visit.choose(norm="running").choose(per_step_norm=True).choose(per_step_statistics=True)
        config = visit.config
        assert config.model.batch_norm
        assert (config.batch_norm_treatment, config.per_step_norm, config.per_step_statistics) == (
            "running",
            True,
            True,
        )
        visit.choose(norm="support")
        assert visit.notes == ["Running averages per step cannot act then: it was switched off."]
        assert visit.shown == on_the_page(visit.config)
        assert visit._widget("set.per_step_statistics").disabled

    def test_inner_gradients_can_be_recomputed_while_it_trains(self):
        visit = Visit()
        visit.run.step = 50
        visit.choose(recompute=True)
        assert (visit.run.step, visit.config.recompute) == (50, True)
        assert visit.choose(algorithm="reptile").config.recompute is False
        assert visit._widget("set.recompute").disabled

    def test_the_sidebar_shows_what_the_run_is_however_busy_the_hubs_loop_is(self):
        visit = Visit()
        hub()._loop = Busy()  # type: ignore[assignment]
        visit.choose(algorithm="imaml")
        assert visit.shown == on_the_page(visit.config)
        assert choice_of(visit.config) == "imaml"
        assert visit._widget("set.order").disabled

    def test_a_proximal_weight_of_zero_is_noted(self):
        visit = Visit(algorithm="imaml").choose(proximal=0.0)
        assert "proximal" in visit.notes[0]
        assert visit.shown["proximal"] == visit.config.proximal == 2.0


class TestRefused:
    BAD_WIDTHS = ("forty", "40, x", "4.5", "0", "-3", "5000", "1,1,1,1,1,1,1,1,1", "9" * 5_000)

    @pytest.mark.parametrize("text", BAD_WIDTHS, ids=lambda text: text[:20])
    def test_bad_hidden_widths_are_noted_and_leave_the_run(self, text: str):
        visit = Visit()
        visit.run.step = 50
        (note,) = visit.choose(hidden_widths=text).notes
        assert "idden" in note
        assert "is not accepted" in note
        assert (visit.run.step, visit.config) == (50, START)

    def test_the_widget_goes_back(self):
        assert Visit().choose(hidden_widths="forty").shown["hidden_widths"] == "40,40"

    def test_a_note_is_shown_once(self):
        assert Visit().choose(hidden_widths="forty").rerun().notes == []

    @pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf", "1e7"])
    def test_a_bad_clip_norm_is_noted_and_goes_back(self, text: str):
        visit = Visit().choose(clip_norm=text)
        assert visit.notes[0].startswith("Clip norm = ")
        assert (visit.config, visit.shown["clip_norm"]) == (START, "none")

    @pytest.mark.parametrize("values", [{"shots": 5}, {"evaluation_steps": 4}, {"joint_baseline": False}], ids=str)
    def test_another_change_in_the_same_rerun_counts(self, values: dict[str, Any]):
        # Whoever leaves a text field by a click on another widget changes both.
        visit = Visit().choose(hidden_widths="forty", **values)
        assert visit.config == replace(START, values)
        assert visit.shown == on_the_page(visit.config)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("shots", 0),
            ("shots", 101),
            ("meta_batch_size", 0),
            ("meta_batch_size", 501),
            ("num_query", 0),
            ("seed", -1),
            ("seed", 2**31),
            ("evaluation_steps", -1),
            ("evaluation_steps", 101),
            ("noise_std", -0.5),
            ("noise_std", 101.0),
        ],
    )
    def test_a_number_out_of_range_is_refused_by_its_label_and_goes_back(self, field: str, value: float):
        visit = Visit()
        visit.run.step = 50
        (note,) = visit.choose(**{field: value}).notes
        assert note.startswith(f"{SETTING_NAMES[field].label} = {written(value)} is not accepted: ")
        assert (visit.run.step, visit.config) == (50, START)
        assert visit.shown == on_the_page(START)

    def test_a_value_that_its_widget_sends_after_it_has_gone_counts_for_nothing(self):
        visit = Visit().choose(clip_norm="2.5")
        visit.open(MORE, PLUS_PLUS, open=False)
        visit.app.session_state["set.num_query"] = 1
        visit.choose(order="first")
        assert visit.config == replace(START, {"clip_norm": 2.5, "order": "first"})


@pytest.mark.parametrize("preset", [p for p in PRESETS if p.config.tasks.kind != "omniglot"], ids=lambda p: p.name)
class TestPresets:
    def test_choosing_one_restarts_the_run_with_it(self, preset: Preset):
        visit = Visit(shots="3", noise_std="0.5")
        visit.run.step = 50
        visit.preset(preset.name)
        assert (visit.run.step, visit.run.changes.start) == (0, preset.config)

    def test_the_widgets_show_it(self, preset: Preset):
        visit = Visit(shots="3", meta_batch_size="7", model__hidden_widths="5", clip_norm="2.0")
        assert visit.preset(preset.name).shown == on_the_page(preset.config)

    def test_it_says_what_to_look_for(self, preset: Preset):
        captions = [caption.value for caption in Visit().preset(preset.name).app.caption]
        assert captions[0] == f"**{preset.name}.** {in_markdown(preset.teaches)}"


class TestAddress:
    def test_it_opens_its_set_up(self):
        visit = Visit(v="1", alpha="0.05", shots="3", model__hidden_widths="20_10", outer_optimizer="sgd")
        expected = RunConfig(alpha=0.05, shots=3, outer_optimizer="sgd", model=MLPConfig(hidden_widths=(20, 10)))
        assert visit.config == expected
        assert visit.shown == on_the_page(expected)

    def test_it_opens_another_family(self):
        visit = Visit(tasks__kind="linear", tasks__w_std="2.0")
        assert visit.config.tasks == LinearConfig(w_std=2.0)
        assert visit.shown["family"] == "linear"

    def test_it_schedules_its_timeline(self):
        visit = Visit(v="1", t="412:a:0.05~530:n:5,k:3")
        assert visit.run.changes.scheduled == [
            Entry(step=412, kind="change", changes={"alpha": 0.05}),
            Entry(step=530, kind="change", changes={"num_inner_steps": 5, "shots": 3}),
        ]

    @pytest.mark.parametrize(
        "query",
        [
            {"alpha": "abc"},
            {"alpha": "-101"},
            {"shots": "1000"},
            {"weights_seed": "9" * 30},
            {"weights_seed": "9" * 5_000},
            {"v": "99", "shots": "10"},
            {"t": "nonsense"},
        ],
        ids=lambda query: str(query)[:40],
    )
    def test_what_it_gets_wrong_is_noted_and_falls_back(self, query: dict[str, str]):
        visit = Visit(**query)
        assert len(visit.notes) == 1
        assert (visit.config, visit.run.changes.scheduled) == (RunConfig(), [])

    def test_the_notes_are_shown_once(self):
        assert Visit(alpha="abc").rerun().notes == []

    def test_what_is_not_ours_is_left_alone(self):
        visit = Visit(utm_source="lecture")
        assert (visit.config, visit.notes) == (START, [])

    @pytest.mark.parametrize(
        ("query", "key", "value"),
        [
            ({"evaluation_steps": "0"}, "evaluation_steps", 0),
            ({"evaluation_steps": "60"}, "evaluation_steps", 60),
            ({"evaluation_steps": "100"}, "evaluation_steps", 100),
            ({"clip_norm": "1e-9"}, "clip_norm", "1e-9"),
            ({"clip_norm": "1000000.0"}, "clip_norm", "1000000"),
            ({"shots": "1"}, "shots", 1),
            ({"shots": "100"}, "shots", 100),
            ({"meta_batch_size": "1"}, "meta_batch_size", 1),
            ({"meta_batch_size": "500"}, "meta_batch_size", 500),
            ({"num_query": "1"}, "num_query", 1),
            ({"num_query": "500"}, "num_query", 500),
            ({"weights_seed": "2147483647"}, "seed", 2147483647),
            ({"tasks__noise_std": "100.0"}, "noise_std", 100.0),
            ({"model__hidden_widths": ""}, "hidden_widths", "none"),
            ({"model__hidden_widths": "1024_1"}, "hidden_widths", "1024,1"),
            ({"model__activation": "softplus"}, "activation", "softplus"),
        ],
        ids=lambda part: str(part)[:40],
    )
    def test_every_value_that_a_config_accepts_has_its_place(self, query: dict[str, str], key: str, value: Any):
        visit = Visit(**query)
        assert visit.shown[key] == value
        assert visit.notes == []


@pytest.mark.parametrize("preset", ["Fast demo", "iMAML", "Glyphs, fast demo"])
def test_every_control_is_explained(preset: str) -> None:
    visit = Visit().preset(preset).open("runs")
    if visit.config.classifies:
        assert all(text for _, text in explained(visit.app))
        visit.choose(model="mlp")
    found = explained(visit.app)
    assert len(found) >= 20
    assert [label for label, text in found if len(text) < 12] == []
