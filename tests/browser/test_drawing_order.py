"""The order in which a chart's curves and points lie on each other while it is fed."""

from __future__ import annotations

import pytest

from tests.browser.live_page import LivePage

# Every painted frame of some charts: the traces as they lie in the document, by their place in the figure.
WATCH = """(charts) => {
  const order = (chart) => [...document.querySelectorAll(`[data-chart=${chart}] .maml-plot .scatterlayer > .trace`)].map((trace) => trace.__data__[0].trace.index);
  window.orders = Object.fromEntries(charts.map((chart) => [chart, []]));
  const look = () => {
    for (const chart of charts) orders[chart].push(order(chart));
    window.watching = requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.thorough
def test_nothing_sinks_behind_what_it_was_drawn_upon(live: LivePage) -> None:
    """The main curve before the noise, and the task that is shown before the others."""
    charts = ["loss", "fit", "task_disk"]
    live.run_until(60)
    live.wait_step(60)
    live.tabs.select_option("task_disk")
    live.wait("mamlLive.drawn.task_disk > 0")
    live.page.evaluate(WATCH, charts)
    drawn = live.page.evaluate("({ ...mamlLive.drawn })")
    live.play()
    for chart in charts:
        live.wait("([chart, count]) => mamlLive.drawn[chart] >= count", [chart, drawn[chart] + 30])
    live.pause()
    orders = live.page.evaluate("(cancelAnimationFrame(watching), orders)")
    for chart in charts:
        assert len(orders[chart]) > 50
        assert len(orders[chart][-1]) > 1
        assert [order for order in orders[chart] if order != sorted(order)] == [], chart
