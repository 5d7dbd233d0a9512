"""Every algorithm on the page: chosen in the sidebar, true in the formulas, and with its switches acting."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import expect

from dashboard.setups import address
from dashboard.setups.algorithms import IDEAS
from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_access import OUTSIDE, OVERFLOW


def preset(name: str) -> str:
    """The address of a preset."""
    return "?" + address.write(next(preset.config for preset in PRESETS if preset.name == name))


def compact(live: LivePage) -> str:
    return "".join(live.formula.split())


def wait_switches(live: LivePage, expected: dict[str, str]) -> None:
    """Hold that these switches come to say this."""
    live.becomes(lambda: {name: said for name, said in live.switches.items() if name in expected}, expected)


def shown_charts(live: LivePage) -> list[str]:
    return live.page.locator(".maml-card:visible").evaluate_all("nodes => nodes.map(({ dataset }) => dataset.chart)")


def test_choosing_reptile_restarts_with_its_rule_and_its_name(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.choose("Algorithm", "Reptile")
    live.wait_address("algorithm=reptile")
    assert live.wait_steady() == 0
    live.until(lambda: "(θ0−θN)/(0.02·3)" in compact(live))
    expect(live.words).to_contain_text(IDEAS["reptile"].replace("_", "")[:40])
    expect(live.page.locator("[data-chart=adaptation] .maml-legend")).to_contain_text("Reptile's start")
    live.page.get_by_role("radiogroup", name="Order", disabled=True).wait_for()
    live.train(3)


def test_fomaml_is_chosen_while_it_trains(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.choose("Algorithm", "FOMAML")
    assert live.wait_marks(1) == ["order second → first"]
    expect(live.pill).to_have_text("Training")
    live.wait("() => document.querySelector('.maml-formulas').textContent.includes('first order')")
    live.until(lambda: "∇Lquery(θN)" in compact(live))


@pytest.mark.thorough
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
    live.until(lambda: inner in compact(live) and outer in compact(live))
    overflow = live.page.locator(".maml-formulas").evaluate(
        "node => Math.max(...[...node.children].map((line) => line.scrollWidth - line.clientWidth))"
    )
    assert overflow <= 1, "a formula is cut off"
    live.shows(OVERFLOW, {"width": 0, "height": 0})
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.wait_steady()
    live.shows(OUTSIDE, [])


def test_the_switches_say_what_they_do_and_when_they_end(open_page: OpenPage) -> None:
    horizons = {"epoch_steps": 4, "num_epochs": 4, "multi_step_epochs": 2, "first_order_epochs": 1, "final_beta": 1e-4}
    switches = {"multi_step_loss": "yes", "per_step_rates": "yes", "anneal_order": "yes", "anneal_beta": "yes"}
    live = open_page("?" + urlencode({"num_inner_steps": 2, "beta": 0.003, **switches, **horizons}))
    wait_switches(
        live,
        {
            "Multi-step loss": "weights .50 .50, until step 8",
            "Derivative order": "first until step 4, then second",
            "β annealing": "0.003 now, 0.0001 by step 16",
        },
    )
    live.until(lambda: "first order" in live.formula)
    live.run_until(16)
    live.wait_step(16)
    live.wait_steady()
    wait_switches(
        live,
        {
            "Multi-step loss": "over since step 8: only θN counts",
            "Derivative order": "second since step 4",
            "β annealing": "stays at 0.0001 since step 16",
        },
    )
    live.until(lambda: "second order" in live.formula and "−1e-4Adam(" in compact(live))
    expect(live.page.locator(".maml-switch[data-acting=true]")).to_have_count(1)


def test_learned_rates_lock_alpha_and_are_drawn_in_the_gauges_place(open_page: OpenPage) -> None:
    live = open_page(preset("MAML++"))
    live.becomes(lambda: shown_charts(live), ["loss", "fit", "adaptation", "path", "rates"])
    expect(live.field("alpha")).to_be_enabled()
    live.set(alpha=0.03)
    live.wait_trace("rates", "learned rate", lambda values: np.allclose(values[1], 0.03))
    live.train(10)
    live.pause()
    expect(live.field("alpha")).to_be_disabled()
    expect(live.dial("alpha")).to_be_disabled()
    expect(live.page.locator(".maml-dial[data-key=alpha]")).to_have_attribute("title", re.compile("learned"))
    live.wait_trace("rates", "learned rate", lambda rates: rates.shape == (2, 18) and np.ptp(rates[1]) > 0.0)
    assert live.trace("rates", "α at the start")[1].tolist() == pytest.approx([0.03, 0.03])
    names = "() => document.querySelector('[data-chart=rates] .maml-plot').layout.annotations.map(({ text }) => text)"
    live.shows(names, ["w0", "b0", "w1", "b1", "w2", "b2"])


def test_from_learned_rates_back_to_maml_the_gauge_and_alpha_come_back(open_page: OpenPage) -> None:
    live = open_page(preset("Meta-SGD"))
    live.train(5)
    live.wait("() => document.querySelector('[data-field=alpha]').disabled")
    live.choose("Algorithm", "MAML")
    live.wait("() => mamlLive.drawn.gauge > 0 && !document.querySelector('[data-chart=gauge]').hidden")
    assert live.wait_steady() == 0
    live.becomes(lambda: shown_charts(live), ["loss", "fit", "adaptation", "path", "gauge"])
    expect(live.field("alpha")).to_be_enabled()
    live.wait("() => document.querySelectorAll('.maml-switch').length === 0")
    live.train(3)


def test_the_solver_is_judged(open_page: OpenPage) -> None:
    live = open_page(preset("iMAML"))
    live.train(3)
    live.wait("() => /residual .*: (solved|roughly|not)/.test(document.querySelector('.maml-switch')?.textContent)")


def test_several_inputs_have_no_fit_and_the_page_says_why(open_page: OpenPage) -> None:
    live = open_page("?tasks.kind=linear&tasks.num_features=3", ready=False)
    live.wait("() => document.querySelector('[data-chart=fit] .maml-empty')?.textContent.includes('3 inputs')")
    expect(live.page.locator("[data-chart=fit] .maml-empty")).to_be_visible()
    expect(live.page.get_by_label("Inner step k")).to_be_hidden()
    live.train(3)
