"""What a card can show instead: accuracies or losses, inner paths or layers."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

SMALL = RunConfig(
    tasks=GlyphsConfig(ways=4),
    model=MLPConfig(hidden_widths=(16,)),
    alpha=0.1,
    num_inner_steps=2,
    shots=1,
    num_query=3,
    meta_batch_size=2,
    evaluation_tasks=10,
    evaluation_steps=4,
    evaluate_every=2,
    joint_baseline=False,
)

AXES = """() => Object.fromEntries(["loss", "adaptation"].map((chart) => {
  const { title, range, type } = document.querySelector(`[data-chart=${chart}] .maml-plot`).layout.yaxis;
  return [chart, [title.text, type ?? "linear", ...range]];
}))"""


def choose(live: LivePage, chart: str, view: str) -> None:
    live.page.locator(f"[data-chart={chart}] .maml-views [data-view={view}]").click()


def chosen(live: LivePage, chart: str) -> str:
    return live.page.locator(f"[data-chart={chart}] .maml-views [aria-pressed=true]").inner_text()


# What costs much is looked at last: until then the chart is empty.
ADAPTED = """() => document.querySelector("[data-chart=adaptation] .maml-plot").data
  ?.some(({ name, y }) => name?.startsWith("MAML") && y?.length > 0)"""


def test_accuracies_and_losses_are_chosen_for_both_charts_and_the_numbers_follow(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    live.run_until(6)
    live.wait_step(6)
    live.wait(ADAPTED)
    live.wait_steady()
    live.shows(
        AXES,
        {
            "loss": ["query accuracy", "linear", -0.03, 1.03],
            "adaptation": ["held-out query accuracy", "linear", -0.03, 1.03],
        },
    )
    live.becomes(lambda: [chosen(live, chart) for chart in ("loss", "adaptation")], ["Accuracy", "Accuracy"])
    shares = live.trace("adaptation", "MAML's start")[1]
    assert ((shares >= 0) & (shares <= 1)).all()
    expect(live.page.locator(".maml-readout")).to_contain_text("%")

    choose(live, "adaptation", "loss")
    live.wait("() => document.querySelector('[data-chart=loss] h3').textContent.startsWith('Loss')")
    live.wait_steady()
    axes = live.page.evaluate(AXES)
    titles = {
        chart: axes[chart][0].removesuffix(" (cross-entropy)") for chart in ("loss", "adaptation")
    }  # cut where it is too long
    assert titles == {"loss": "query loss", "adaptation": "held-out query loss"}
    assert [axes[chart][1] for chart in ("loss", "adaptation")] == ["log", "log"]
    live.becomes(lambda: [chosen(live, chart) for chart in ("loss", "adaptation")], ["Loss", "Loss"])
    losses = live.trace("adaptation", "MAML's start")[1]
    low, high = axes["adaptation"][2:]
    assert ((np.log10(losses) > low) & (np.log10(losses) < high)).all()
    assert not np.allclose(losses, shares)
    expect(live.page.locator(".maml-readout")).not_to_contain_text("%")

    live.page.reload()
    live.wait_drawn()
    live.wait_steady()
    live.becomes(lambda: (live.step, chosen(live, "loss")), (6, "Loss"))


def test_a_zoom_into_losses_does_not_stay_on_accuracies(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    choose(live, "loss", "loss")
    live.wait("() => document.querySelector('[data-chart=loss] h3').textContent.startsWith('Loss')")
    live.wait_steady()
    box = live.plot("loss").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 120, box["y"] + 60)
    live.page.mouse.down()
    live.page.mouse.move(box["x"] + 260, box["y"] + 140, steps=5)
    live.page.mouse.up()
    zoomed = live.page.locator("[data-chart=loss] .maml-chip")
    zoomed.wait_for()
    choose(live, "loss", "accuracy")
    zoomed.wait_for(state="hidden")
    live.wait_steady()
    live.becomes(lambda: live.page.evaluate(AXES)["loss"], ["query accuracy", "linear", -0.03, 1.03])


def test_regression_has_no_metric_to_choose(live: LivePage) -> None:
    assert live.page.locator("[data-chart=loss] .maml-views, [data-chart=adaptation] .maml-views").evaluate_all(
        "nodes => nodes.map(({ hidden }) => hidden)"
    ) == [True, True]
    live.becomes(lambda: live.page.evaluate(AXES)["loss"][0], "query loss (MSE)")


def test_the_layers_take_the_place_of_the_paths(live: LivePage) -> None:
    place = live.page.locator("[data-chart=path]").bounding_box()
    live.tabs.select_option("layers")
    live.wait("() => mamlLive.drawn.layers > 0")
    live.wait_steady()
    expect(live.page.locator("[data-chart=path]")).to_be_hidden()
    live.becomes(live.page.locator("[data-chart=layers]").bounding_box, place)
    expect(live.page.locator("[data-chart=layers] h3")).to_have_text("Does the body change?")
    live.page.locator("[data-chart=layers] .maml-subtitle", has_text="as far as the body").wait_for()
    names = "node => node.layout.annotations.map(({ text }) => text)"
    live.becomes(lambda: live.plot("layers").evaluate(names), ["hidden 1", "hidden 2", "head"])
    live.wait_trace("layers", "adapted", lambda values: values.size > 0 and (values[1] > 0).all())

    # With the keyboard the list keeps the focus, though it stands on another card then.
    live.tabs.focus()
    live.tabs.press("ArrowUp")
    live.page.locator("[data-chart=path]").wait_for()
    live.wait("() => document.activeElement.matches('[data-chart=path] .maml-tabs')")
    live.wait_steady()
    live.becomes(lambda: (live.trace("path", "adapted").shape, live.tabs.input_value()), ((2, 8), "path"))
