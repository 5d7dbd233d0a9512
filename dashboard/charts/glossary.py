"""Words of the field and the page's dials in plain sentences, and how the explanation of a card is put together; each chart's own stands in its file.

A card's explanation says what is drawn, how to read it and what to look for. Symbols are written θ_0, λ_max; the page sets the index as
a subscript. Nothing here imports streamlit or plotly.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from dashboard.charts.names import ADAPTED, AT_K, QUERY, START, SUPPORT, shorter
from dashboard.charts.results import Level
from dashboard.charts.symbols import kept
from dashboard.setups.setting_names import SETTING_NAMES

TERMS: Mapping[str, str] = {
    "task": "One small learning problem: one curve, or one choice of classes. All are of one family.",
    "support": "The few examples of a task that the inner steps learn from: its support.",
    "right": "The share of query images whose class is named rightly.",
    "query": "Other examples of the same task, its query, which judge what was learned from the support. No inner step sees them.",
    "held-out": "Tasks that are never trained on; how well θ_0 adapts to them is what counts.",
    "θ_0": "The start that all tasks share, θ_0: the network's weights before adaptation. Meta-training moves it.",
    "θ_N": "The weights after adaptation, θ_N: θ_0 moved by N gradient steps on one task's support. Every task has its own.",
    "θ_k": "The weights after k of the N inner steps, θ_k; the slider below the chart chooses k.",
    "inner step": "One gradient step on the support of one task, of size α. It moves that task's own copy of the weights.",
    "outer step": "One step of meta-training, of size β: it moves the shared start θ_0 by what several tasks say together.",
    "adaptation": "The N inner steps that turn θ_0 into a task's θ_N.",
    "joint pretraining": "An ordinary network trained on all tasks at once, without inner steps, then adapted by the same steps: is a good average "
    "start enough?",
    "random start": "Untrained weights, adapted by the same steps: what the steps reach without any pretraining.",
    "oracle": "The same network, told which task it is. It needs no adaptation: about the best that this network can do.",
    "from scratch": "Untrained weights, trained on each task's support alone until that stops helping.",
    "always 0": "The expected loss, over all held-out tasks, of a predictor that answers 0 everywhere.",
    "best fixed": "The expected loss, over all held-out tasks, of the best predictor that cannot adapt. There only what adapts gets below this line.",
    "guessing": "What a predictor reaches that guesses among the classes. On held-out tasks there is no more to be had without adaptation.",
    "95% CI": "Where the mean over all tasks of the family lies with 95% confidence, from the held-out tasks measured. On an axis of "
    "powers a band that would reach 0 ends at a tenth of its mean.",
    "diverged": "A task on which adaptation blew up: its loss is no number, or above ten times what it was, or what answering 0 costs.",
    "got worse": "Tasks whose query loss is higher after the inner steps than before.",
    "λ_max": "The sharpest curvature of the support loss at θ_0, measured on held-out tasks.",
    "2/λ_max": "The step size above which gradient steps on a quadratic of this curvature jump across the valley and climb. A network's loss is no "
    "quadratic: a few steps beyond it can still help.",
    "ghost": "A run before this one, pale and with its number where its line ends. The curves have up to four after adaptation, and every line "
    "of the newest, whose inner steps are drawn too. Press its name below the curves' legend to hide it.",
    "second run": "A run with one thing changed, trained beside this one: the same outer steps, and the same held-out tasks. Compare stops it.",
    "rung": "A look at every setting on the held-out tasks, at equal distances on the way. Each is a point of its curve.",
    "pruning": "The worst settings stop at a rung, so that the time goes to the others.",
    "setting": "One choice of a value for every axis, trained by itself.",
    "seed": "The number that the random weights and tasks are drawn from; another one shows how much is chance.",
}
"""Words of the field that the page uses, each once."""


_IN_WORDS = {"support": SUPPORT, "query": QUERY, "θ_0": START, "θ_N": ADAPTED, "θ_k": AT_K}
"""What the page calls terms that the papers have symbols or other words for, as Plotly has it."""


class Card(NamedTuple):
    """The explanation of a card."""

    text: str
    """What is drawn, how to read it, what to look for."""
    legend: Mapping[str, str] = {}
    """Explanations of the traces that its legend names."""
    terms: tuple[str, ...] = ()
    """What else stands on it, from `TERMS`."""
    each: str = ""
    """The explanation of all traces of the legend that have none of their own."""

    def of(self, trace: str) -> str:
        """What a trace of the legend is.

        Raises:
            KeyError: There is no explanation of it.
        """
        return self.legend.get(trace) or self.each or self.legend[trace]


SETTINGS = Card(
    "The settings as a table: their values, the held-out result with its 95% interval, and the shares of tasks that got worse by "
    "adapting or diverged. Press a heading to sort, a row to select it.",
    {},
    ("setting", "diverged", "got worse"),
)
"""The explanation of the table of settings."""

DIALS: Mapping[str, str] = {
    "alpha": "How far each inner step moves against the support gradient. Too small: the task is hardly learned. Beyond 2/λ_max (the shaded "
    "part of the slider) steps on a quadratic would overshoot; whether they do here, the gauge measures: on how many held-out tasks the "
    "support loss falls. The field takes α below 0 too, which the slider cannot show: the inner steps then climb.",
    "beta": "How far each outer step moves the shared start θ_0. It sets the speed of meta-training, not of adaptation.",
    "num_inner_steps": "How many gradient steps a task gets. At N = 0 nothing adapts: all tasks share one predictor. More steps cost more time and "
    "make large α less stable. The slider ends at 20; the field takes up to 50, and the slider then follows.",
}
"""Explanations of the three numbers that people drag, by their fields."""


def plain(name: str) -> str:
    """A name of a trace or of an axis, as Plotly has it, in a sentence of the page.

    >>> plain("2/λ<sub>max</sub>"), plain("&lt;a&gt;")
    ('2/λ_max', '<a>')
    """
    parts = re.split(r"<sub>(.*?)</sub>", name)
    return "".join(f"_{part}" if at % 2 else kept(html.unescape(part)) for at, part in enumerate(parts))


def in_words(term: str) -> str:
    """A term as the page writes it: in words first, with its symbol behind them.

    >>> in_words("support"), in_words("θ_0"), in_words("task")
    ('examples (support)', 'start (θ_0)', 'task')
    """
    return plain(_IN_WORDS.get(term, term))


def card_help(card: Card, traces: Mapping[str, Any], levels: Iterable[Level] = ()) -> dict[str, Any]:
    """A card's explanation as its figure carries it: the text, what each legend entry is and its names for less room, and these
    with the other terms that stand on it as a list.

    Args:
        card: Of the chart.
        traces: Of the figure, by name.
        levels: Reference levels that are drawn; of those that are not, nothing is said.

    Raises:
        KeyError: The legend names a trace that the card has no explanation of.
    """
    reference = {level.name for level in levels}
    others = [term for term in card.terms if term not in ("always 0", "best fixed", "guessing") or term in reference]
    named = {name: trace.name for name, trace in traces.items() if trace.showlegend is not False and trace.name}
    legend = {entry: card.of(name) for name, entry in named.items()}
    groups = {name: text for name, text in legend.items() if text != TERMS["ghost"]}
    said = {plain(name) for name in legend}
    return {
        "text": card.text,
        "legend": legend,
        "shorter": {name: forms for name in legend if (forms := shorter(name))},
        "terms": [
            *([plain(name), text] for name, text in groups.items()),
            *([in_words(term), TERMS[term]] for term in others if in_words(term) not in said),
        ],
    }


def page_help() -> dict[str, Any]:
    """What the page's component needs besides its figures."""
    dials = {
        field: {"symbol": SETTING_NAMES[field].symbol, "name": SETTING_NAMES[field].role, "text": text}
        for field, text in DIALS.items()
    }
    terms = {term: {"name": in_words(term), "text": text} for term, text in TERMS.items()}
    return {"dials": dials, "terms": terms, "settings": card_help(SETTINGS, {})}
