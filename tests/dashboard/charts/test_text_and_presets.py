"""What the page says in words is true of the presets, the colours and the controls that it speaks of."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.charts.glossary import page_help
from dashboard.charts.symbols import in_markdown
from dashboard.setups.algorithms import name_of
from dashboard.setups.settings import slider_ranges
from dashboard.sidebar.lesson import LESSON, LESSON_IMAGES
from dashboard.theme import PALETTES, Palette
from maml_core.config import RunConfig, from_dict, replace, to_dict
from maml_core.presets import DEFAULT_PRESET, PRESETS, Preset
from maml_core.runs import replay
from tests.dashboard.sidebar.test_main_page import MAIN, TIMEOUT_S, own_hub

WEB = Path(dashboard.__file__).parent / "web"
each_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)


def named(name: str) -> RunConfig:
    return next(preset.config for preset in PRESETS if preset.name == name)


def status_after(config: RunConfig, num_steps: int) -> str:
    """How meta-training stands; what is measured beside it does not matter here."""
    bare = replace(config, {"joint_baseline": False, "evaluation_tasks": 2, "evaluation_steps": 0})
    _, state, _ = replay(bare, (), num_steps=num_steps)
    return state.status.kind


class TestPresets:
    @each_preset
    def test_its_config_is_one_that_can_be_written_and_read(self, preset: Preset):
        assert from_dict(to_dict(preset.config)) == preset.config

    def test_no_two_have_the_same_name(self):
        assert len({preset.name for preset in PRESETS}) == len(PRESETS)

    def test_no_two_have_the_same_set_up(self):
        assert len({str(to_dict(preset.config)) for preset in PRESETS}) == len(PRESETS)

    def test_the_default_is_one_of_them(self):
        assert DEFAULT_PRESET in PRESETS

    @each_preset
    @pytest.mark.parametrize("field", ["alpha", "beta", "num_inner_steps"])
    def test_its_sliders_reach_it(self, preset: Preset, field: str):
        low, high = slider_ranges(preset.config)[field]
        assert low <= getattr(preset.config, field) <= high

    @each_preset
    def test_it_says_what_it_teaches_in_sentences(self, preset: Preset):
        assert preset.teaches[0].isupper() or preset.teaches.startswith("alpha")
        assert preset.teaches.endswith(".")

    def test_alpha_too_large_diverges(self):
        assert status_after(named("Alpha too large"), 100) == "diverged"

    def test_alpha_too_large_forgives_when_alpha_is_lowered(self):
        assert status_after(replace(named("Alpha too large"), {"alpha": 0.01}), 30) == "ok"

    def test_the_fast_demo_does_not_diverge(self):
        assert status_after(named("Fast demo"), 100) == "ok"

    @pytest.mark.parametrize("name", ["MAML++", "ANIL", "Meta-SGD", "Meta-Curvature", "Reptile", "iMAML"])
    def test_every_algorithm_learns_within_a_demonstration(self, name: str):
        config = replace(named(name), {"joint_baseline": False, "evaluation_tasks": 50, "evaluate_every": 150})
        _, state, records = replay(config, (), num_steps=151)
        assert state.status.kind == "ok"
        assert records.held_out_after[-1] < 0.93 * records.held_out_after[0]
        assert records.held_out_after[-1] < records.held_out_before[-1]

    @pytest.mark.parametrize("name", ["MAML++", "ANIL", "Meta-SGD", "Meta-Curvature", "Reptile", "iMAML"])
    def test_an_algorithms_preset_is_called_like_it(self, name: str):
        assert name_of(named(name)) == name

    def test_the_horizons_it_speaks_of_are_its_own(self):
        preset = next(preset for preset in PRESETS if preset.name == "MAML++")
        config = preset.config
        assert f"step {config.multi_step_epochs * config.epoch_steps:,}" in preset.teaches
        assert f"step {config.first_order_epochs * config.epoch_steps:,}" in preset.teaches

    def test_the_papers_setting_is_the_papers(self):
        config = named("The paper's setting")
        assert (config.num_inner_steps, config.alpha, config.meta_batch_size) == (1, 0.01, 25)
        assert (config.outer_optimizer, config.beta, config.order) == ("adam", 0.001, "second")
        assert (config.shots, config.model.hidden_widths, config.model.activation) == (10, (40, 40), "relu")

    def test_too_many_inner_steps_are_twenty(self):
        assert named("Too many inner steps").num_inner_steps == 20


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    with own_hub(monkeypatch):
        yield AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S).run()


def hue_deg(color: str) -> float:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 360.0 * colorsys.rgb_to_hsv(red, green, blue)[0]


class TestLesson:
    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("Play", "live/transport.js"),
            ("Pause", "live/transport.js"),
            ("Inner step", "live/transport.js"),
            ("Reset", "live/transport.js"),
            ("amplitude", "live/task.js"),
            ("phase", "live/task.js"),
        ],
    )
    def test_a_control_of_the_component_is_called_as_on_the_page(self, name: str, file: str):
        assert f'"{name}"' in (WEB / file).read_text(encoding="utf-8")
        assert name in LESSON

    def test_a_dial_is_called_as_on_the_page(self):
        assert page_help()["dials"]["alpha"]["symbol"] == "α"
        assert "**Drag α" in LESSON

    def test_the_order_is_called_as_in_the_sidebar(self, app: AppTest):
        order = app.button_group(key="set.order")
        assert order.proto.label == "Order"
        assert "First" in order.options
        assert "**Order: first**" in LESSON

    def test_the_algorithm_is_called_as_in_the_sidebar(self, app: AppTest):
        algorithm = app.selectbox(key="set.algorithm")
        assert algorithm.label == "Algorithm"
        assert "MAML++" in algorithm.options
        assert "**Algorithm: MAML++**" in LESSON

    def test_it_stands_in_the_sidebar(self, app: AppTest):
        assert in_markdown(LESSON).strip() in [markdown.value.strip() for markdown in app.sidebar.markdown]

    def test_the_points_are_as_many_as_the_page_opens_with(self):
        assert "ten points" in LESSON
        assert DEFAULT_PRESET.config.shots == 10

    @pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
    def test_the_loss_before_adaptation_is_blue(self, palette: Palette):
        assert "blue loss (before adaptation)" in LESSON
        assert "blue accuracy (before adaptation)" in LESSON_IMAGES
        assert 195.0 < hue_deg(palette.theta_0) < 245.0

    @pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
    def test_the_loss_after_adaptation_is_orange(self, palette: Palette):
        assert "the orange one (after" in LESSON
        assert "the orange one (after" in LESSON_IMAGES
        assert 15.0 < hue_deg(palette.theta_N) < 45.0


@pytest.fixture
def image_app(app: AppTest) -> AppTest:
    app.selectbox(key="preset").set_value("Glyphs, fast demo")
    return app.run()


class TestLessonOfImages:
    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("Play", "live/transport.js"),
            ("Pause", "live/transport.js"),
            ("Inner step", "live/transport.js"),
            ("New task", "live/task.js"),
            ("Loss", "live/switches.js"),
            ("Paths", "../charts/path.py"),
            ("Layers", "../charts/layers.py"),
            ("Confusion", "live/images.js"),
            ("Filters", "live/images.js"),
            ("Draw your own", "live/draw.js"),
        ],
    )
    def test_a_control_of_the_component_is_called_as_on_the_page(self, name: str, file: str):
        assert f'"{name}"' in (WEB / file).read_text(encoding="utf-8")
        assert name in LESSON_IMAGES

    def test_it_stands_in_the_sidebar_of_image_tasks_alone(self, image_app: AppTest):
        shown = [markdown.value.strip() for markdown in image_app.sidebar.markdown]
        assert in_markdown(LESSON_IMAGES).strip() in shown
        assert in_markdown(LESSON).strip() not in shown

    def test_curves_have_their_own(self, app: AppTest):
        assert in_markdown(LESSON_IMAGES).strip() not in [markdown.value.strip() for markdown in app.sidebar.markdown]

    def test_the_preset_and_the_algorithm_are_called_as_in_the_sidebar(self, image_app: AppTest):
        preset, algorithm = image_app.selectbox(key="preset"), image_app.selectbox(key="set.algorithm")
        assert "Glyphs, inductive" in preset.options
        assert f"**{preset.label}: Glyphs, inductive.**" in LESSON_IMAGES
        assert "ANIL" in algorithm.options
        assert f"**{algorithm.label}: ANIL**" in LESSON_IMAGES

    def test_the_drawings_are_as_many_as_the_fast_demo_has(self):
        assert "one drawing of each class" in LESSON_IMAGES
        assert named("Glyphs, fast demo").shots == 1

    def test_the_preset_it_speaks_of_hides_the_other_query_images_from_batch_norm(self):
        assert "no longer sees the other query images" in LESSON_IMAGES
        assert named("Glyphs, fast demo").batch_norm_treatment == "batch"
        assert named("Glyphs, inductive").batch_norm_treatment == "support"
