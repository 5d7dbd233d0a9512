"""What the page says in words is true of the presets, the colours and the controls that it speaks of."""

from __future__ import annotations

import colorsys
from pathlib import Path

import pytest

from dashboard.setups.algorithms import name_of
from dashboard.setups.settings import slider_ranges
from dashboard.theme import PALETTES, Palette
from maml_core.config import RunConfig, from_dict, replace, to_dict
from maml_core.presets import DEFAULT_PRESET, PRESETS, Preset
from maml_core.runs import replay

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


def hue_deg(color: str) -> float:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 360.0 * colorsys.rgb_to_hsv(red, green, blue)[0]


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_the_loss_before_adaptation_is_blue_and_the_one_after_it_orange(palette: Palette):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert "The blue loss (before adaptation)" in readme
    assert 195.0 < hue_deg(palette.theta_0) < 245.0
    assert "The orange one\n   (after N inner steps)" in readme
    assert 15.0 < hue_deg(palette.theta_N) < 45.0


def test_the_points_of_the_first_lesson_are_as_many_as_the_page_opens_with():
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert "gradient steps on ten points" in readme
    assert DEFAULT_PRESET.config.shots == 10
