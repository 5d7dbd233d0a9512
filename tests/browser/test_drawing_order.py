"""The order in which a chart's curves lie on each other while it is fed."""

from __future__ import annotations

import pytest

from tests.browser.live_page import LivePage

# Every painted frame of the loss chart: the traces as they lie in the document, by their place in the figure.
WATCH = """() => {
  const node = document.querySelector("[data-chart=loss] .maml-plot");
  const order = () => [...node.querySelectorAll(".scatterlayer > .trace")].map((trace) => trace.__data__[0].trace.index);
  window.orders = [];
  const look = () => {
    orders.push(order());
    window.watching = requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.thorough
def test_the_main_curve_never_sinks_behind_the_noise(live: LivePage) -> None:
    live.run_until(60)
    live.wait_step(60)
    live.page.evaluate(WATCH)
    drawn = live.page.evaluate("mamlLive.drawn.loss")
    live.play()
    live.wait("(count) => mamlLive.drawn.loss >= count", drawn + 40)
    live.pause()
    orders = live.page.evaluate("(cancelAnimationFrame(watching), orders)")
    assert len(orders) > 50
    assert [order for order in orders if order != sorted(order)] == []
