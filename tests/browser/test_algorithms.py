"""Every algorithm on the page: chosen in the sidebar, true in the formulas, and with its switches acting."""

from __future__ import annotations

from urllib.parse import urlencode

import numpy as np
import pytest

from dashboard import address
from dashboard.algorithms import IDEAS
from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_access import OUTSIDE, OVERFLOW


def preset(name: str) -> str:
    """The address of a preset."""
    return "?" + address.write(next(preset.config for preset in PRESETS if preset.name == name))


def compact(live: LivePage) -> str:
    return "".join(live.formula.split())


def shown_charts(live: LivePage) -> list[str]:
    return live.page.locator(".maml-card:visible").evaluate_all("nodes => nodes.map(({ dataset }) => dataset.chart)")


def test_choosing_reptile_restarts_with_its_rule_and_its_name(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.choose("Algorithm", "Reptile")
    live.wait_address("algorithm=reptile")
    assert live.wait_steady() == 0
    assert "(θ0−θN)/(0.02·3)" in compact(live)
    assert live.sentence.startswith(IDEAS["reptile"].replace("_", "")[:40])
    assert "Reptile's θ" in live.page.locator("[data-chart=adaptation] .maml-legend").inner_text()
    live.page.get_by_role("radiogroup", name="Order", disabled=True).wait_for()
    live.train(3)


def test_fomaml_is_chosen_while_it_trains(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.choose("Algorithm", "FOMAML")
    assert live.wait_marks(1) == ["order second → first"]
    assert live.status == "Training"
    live.wait("() => document.querySelector('.maml-formulas').textContent.includes('first order')")
    assert "∇Lquery(θN)" in compact(live)


@pytest.mark.parametrize(
    ("name", "inner", "outer"),
    [
        ("MAML++", "θi=θi−1−αi,layer∇Lsupport(θi−1)", "∇θ0,αΣiwiLquery(θi)"),
        ("ANIL", "φi=φi−1−0.05∇φLsupport(θi−1)", "∇θ0Lquery(θN(θ0))"),
        ("Meta-SGD", "θi=θi−1−α⊙∇Lsupport(θi−1)", "∇θ0,αLquery(θN)"),
        ("Meta-Curvature", "θi=θi−1−0.02M∇Lsupport(θi−1)", "∇θ0,MLquery(θN)"),
        ("iMAML", "−0.005(∇Lsupport(θi−1)+10(θi−1−θ0))", "(I+H/10)−1∇Lquery(θN)"),
    ],
)
def test_the_formulas_are_those_of_the_algorithm(open_page: OpenPage, name: str, inner: str, outer: str) -> None:
    live = open_page(preset(name))
    assert inner in compact(live)
    assert outer in compact(live)
    overflow = live.page.locator(".maml-formulas").evaluate(
        "node => Math.max(...[...node.children].map((line) => line.scrollWidth - line.clientWidth))"
    )
    assert overflow <= 1, "a formula is cut off"
    assert live.page.evaluate(OVERFLOW) == {"width": 0, "height": 0}
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.page.wait_for_timeout(300)
    assert live.page.evaluate(OUTSIDE) == []


def test_the_switches_say_what_they_do_and_when_they_end(open_page: OpenPage) -> None:
    horizons = {"epoch_steps": 4, "num_epochs": 4, "multi_step_epochs": 2, "first_order_epochs": 1, "final_beta": 1e-4}
    switches = {"multi_step_loss": "yes", "per_step_rates": "yes", "anneal_order": "yes", "anneal_beta": "yes"}
    live = open_page("?" + urlencode({"num_inner_steps": 2, "beta": 0.003, **switches, **horizons}))
    assert live.switches["Multi-step loss"] == "weights .50 .50, until step 8"
    assert live.switches["Derivative order"] == "first until step 4, then second"
    assert live.switches["β annealing"] == "0.003 now, 0.0001 by step 16"
    assert "first order" in live.formula
    live.run_until(16)
    live.wait_step(16)
    live.wait_steady()
    assert live.switches["Multi-step loss"] == "over since step 8: only θN counts"
    assert live.switches["Derivative order"] == "second since step 4"
    assert live.switches["β annealing"] == "stays at 0.0001 since step 16"
    assert "second order" in live.formula
    assert "−1e-4Adam(" in compact(live)
    assert live.page.locator(".maml-switch[data-acting=true]").count() == 1


def test_learned_rates_lock_alpha_and_are_drawn_in_the_gauges_place(open_page: OpenPage) -> None:
    live = open_page(preset("MAML++"))
    assert shown_charts(live) == ["loss", "fit", "adaptation", "path", "rates"]
    assert not live.field("alpha").is_disabled()
    live.set(alpha=0.03)
    live.wait_trace("rates", "learned rate", lambda values: np.allclose(values[1], 0.03))
    live.train(10)
    live.pause()
    assert live.field("alpha").is_disabled()
    assert live.dial("alpha").is_disabled()
    assert "learned" in live.page.locator(".maml-dial[data-key=alpha]").get_attribute("title")
    rates = live.trace("rates", "learned rate")
    assert rates.shape == (2, 18)
    assert np.ptp(rates[1]) > 0.0
    assert live.trace("rates", "α at the start")[1].tolist() == pytest.approx([0.03, 0.03])
    names = live.plot("rates").evaluate("node => node.layout.annotations.map(({ text }) => text)")
    assert names == ["w0", "b0", "w1", "b1", "w2", "b2"]


def test_from_learned_rates_back_to_maml_the_gauge_and_alpha_come_back(open_page: OpenPage) -> None:
    live = open_page(preset("Meta-SGD"))
    live.train(5)
    live.wait("() => document.querySelector('[data-field=alpha]').disabled")
    live.choose("Algorithm", "MAML")
    live.wait("() => mamlLive.drawn.gauge > 0 && !document.querySelector('[data-chart=gauge]').hidden")
    assert live.wait_steady() == 0
    assert shown_charts(live) == ["loss", "fit", "adaptation", "path", "gauge"]
    assert not live.field("alpha").is_disabled()
    live.wait("() => document.querySelectorAll('.maml-switch').length === 0")
    live.train(3)


def test_the_solver_is_judged(open_page: OpenPage) -> None:
    live = open_page(preset("iMAML"))
    live.train(3)
    live.wait("() => /residual .*: (solved|roughly|not)/.test(document.querySelector('.maml-switch')?.textContent)")


def test_several_inputs_have_no_fit_and_the_page_says_why(open_page: OpenPage) -> None:
    live = open_page("?tasks.kind=linear&tasks.num_features=3", ready=False)
    live.wait("() => document.querySelector('[data-chart=fit] .maml-empty')?.textContent.includes('3 inputs')")
    assert live.page.locator("[data-chart=fit] .maml-empty").is_visible()
    assert not live.page.get_by_label("Inner step k").is_visible()
    live.train(3)
