"""Figures of a sweep for papers and slides: map, curves, importance and tuning, as SVG, PNG, PDF or a page of HTML that holds the SVG.

Drawn by Matplotlib (``pip install 'maml-live[figures]'``), which needs no browser. Each file says what it is of: the sweep's set-up as JSON and its
fingerprint are in its metadata, the fingerprint and what is concluded stand under the drawing. The same results give the same bytes.
"""

from __future__ import annotations

import html
import io
import json
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maml_core.errors import ConfigError
from maml_core.sweeps.axes import label, setting_words
from maml_core.sweeps.comparing import Comparison, task_axes
from maml_core.sweeps.definition import SweepConfig, fingerprint, sweep_to_dict
from maml_core.sweeps.findings import importance_words, read, trust_words, why_no_importance
from maml_core.sweeps.importance import importance
from maml_core.sweeps.result_colors import BEST_TO_WORST, ends_of, ends_words
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.scores import scores, tuning_words, why_no_scores
from maml_core.sweeps.tables import STATUSES, Map, best_of, map_of
from maml_core.values import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["map", "curves", "importance", "tuning"]
Format = Literal["svg", "png", "pdf", "html"]

MISSING = "Matplotlib is not installed, which draws figures: pip install 'maml-live[figures]'"

_MOST_CURVES = 200
"""Curves that are drawn behind those that are not told apart from the best."""

_MOST_TICKS = 12
_TITLE_LETTERS = 75
"""Letters of a line of the title: names may be long."""

_TICK_LETTERS = 55
"""Letters, with two between words, that have room along an axis that goes across; more of them are written slantwise."""

_SHORT = 6.0
"""A log axis that ends at less than so many times its beginning has evenly spaced numbers, which say more there than 2, 5 and 10."""

_BEST, _OTHER, _GONE = "#0072b2", "#b8b8b8", "#d55e00"
_RC = {
    "svg.hashsalt": "maml-live",
    "font.size": 9.0,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def figure_bytes(
    name: str,
    sweep: SweepConfig,
    results: Sequence[SettingResult],
    kind: Kind,
    format_: Format,
    *,
    seen: Map | None = None,
) -> bytes:
    """A figure as a file.

    Args:
        name: Of the sweep.
        sweep: Its set-up.
        results: Of its settings, in any order.
        kind: What is drawn.
        format_: How it is written.
        seen: Which map; None for that of the first two axes. For other kinds without effect.

    Raises:
        ImportError: Matplotlib is not installed.
        ConfigError: The results have nothing to draw, as the importance of axes where there is one seed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(MISSING) from error
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.add_subplot()
        words = _drawn(axes, sweep, results, kind, seen)
        title = textwrap.wrap(f"{name}: {_TITLES[kind]}", _TITLE_LETTERS)
        figure.suptitle("\n".join(title), x=0.02, ha="left", fontsize=11.0)
        about = f"{name}, sweep {fingerprint(sweep)}, {sum(one.is_finished for one in results):,} settings, seeds: {sweep.num_seeds}"
        lines = [line for text in (*words, about) for line in textwrap.wrap(text, 105)]
        figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=7.5)
        setup = json.dumps({"sweep": name, "fingerprint": fingerprint(sweep), "set_up": sweep_to_dict(sweep)})
        if format_ == "html":
            return _page(name, kind, _saved(figure, "svg", name, setup), (*words, about), setup)
        return _saved(figure, format_, name, setup)


_TITLES = {
    "map": "held-out result by setting",
    "curves": "held-out result while training",
    "importance": "what each axis explains",
    "tuning": "best of k settings tried",
}


def _drawn(
    axes: Axes, sweep: SweepConfig, results: Sequence[SettingResult], kind: Kind, seen: Map | None
) -> Sequence[str]:
    """Draw one kind, and say what it shows."""
    if kind == "importance":
        return _importance(axes, sweep, results)
    if best_of(sweep, results) is None:
        raise ConfigError("kind", kind, "a sweep in which a setting has trained to the end; none of this one has")
    if kind == "map":
        names = [axis.name for axis in sweep.axes]
        seen = seen or map_of(sweep, results, names[0], names[1] if len(names) > 1 else None)
        _map(axes, sweep, seen)
        if len(names) > (1 if seen.y is None else 2):
            return (
                *_conclusions(sweep, results),
                f"Of axes that are not shown each cell has the {_first(sweep, seen.judged_by)}, or the value that was chosen.",
            )
    elif kind == "curves":
        _curves(axes, sweep, results)
    else:
        return (*_conclusions(sweep, results), *_tuning(axes, sweep, results))
    return _conclusions(sweep, results)


def _conclusions(sweep: SweepConfig, results: Sequence[SettingResult]) -> Sequence[str]:
    """The most telling sentence, and which settings are left out."""
    said = list(read(sweep, results))
    if said[0].endswith(":") and len(said) > 1:  # how much is known of a sweep under way
        said[:2] = [f"{said[0]} {said[1]}"]
    are_left_out = any(one.status == "refused" for one in results)
    return (said[0], said[-1]) if are_left_out and len(said) > 1 else said[:1]


def _first(sweep: SweepConfig, judged_by: Sequence[str]) -> str:
    """What the first by its value is called: across different held-out tasks none is the best."""
    return "best" if not judged_by else "highest" if sweep.maximises else "lowest"


def _map(axes: Axes, sweep: SweepConfig, seen: Map) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    ok = seen.status == STATUSES.index("ok")
    values = np.where(ok, seen.value, np.nan)
    if seen.y is None:
        places = np.arange(len(seen.x_values))
        axes.errorbar(places[ok[0]], values[0][ok[0]], yerr=seen.ci95[0][ok[0]], fmt="o", color=_BEST, capsize=3)
        _result_axis(axes, sweep)
    else:
        finite = values[np.isfinite(values)]
        logs = not sweep.maximises and len(finite) > 0 and finite.min() > 0.0
        kept = [0.1, 1.0] if sweep.maximises else [0.0, 0.9]
        norm = (LogNorm if logs else Normalize)(*np.quantile(finite, kept)) if len(finite) else None
        scale = LinearSegmentedColormap.from_list("results", BEST_TO_WORST[:: -1 if sweep.maximises else 1])
        colors = axes.pcolormesh(values, cmap=scale, norm=norm)
        names = ends_of("accuracy" if sweep.maximises else "loss", is_compared=not seen.judged_by)
        ends = ends_words(_judged(sweep), better_first=not sweep.maximises, ends=names)  # read upwards
        bar = axes.figure.colorbar(
            colors,
            ax=axes,
            label=f"{ends}\nthe {names[1] if seen.judged_by else 'worst'} tenth has one colour",
            extend="min" if sweep.maximises else "max",
        )
        _plain_numbers(bar.ax.yaxis)
        axes.set_ylabel(label(seen.y))
        _ticks(axes.yaxis, [shown(value) for value in seen.y_values], 0.5)
    for status, sign, color in (("diverged", "x", _GONE), ("pruned", "_", "#404040"), ("refused", "|", "#404040")):
        rows, columns = np.nonzero(seen.status == STATUSES.index(status))
        if not len(rows):
            continue
        at = (columns + 0.5, rows + 0.5) if seen.y is not None else (columns, np.full(len(rows), 0.97))
        transform: dict[str, Any] = {} if seen.y is not None else {"transform": axes.get_xaxis_transform()}
        words = "left out" if status == "refused" else status
        axes.plot(*at, marker=sign, linestyle="none", color=color, label=words, **transform)
    if np.isfinite(values).any() and not seen.judged_by:
        row, column = np.unravel_index(int((np.nanargmax if sweep.maximises else np.nanargmin)(values)), values.shape)
        at_best = (column + 0.5, row + 0.5) if seen.y is not None else (column, values[row, column])
        axes.plot(*at_best, "*", color="white", markeredgecolor="black", markersize=13, label="best")
    axes.set_xlabel(label(seen.x))
    _ticks(axes.xaxis, [shown(value) for value in seen.x_values], 0.5 if seen.y is not None else 0.0)
    if sum(len(tick.get_text()) + 2 for tick in axes.get_xticklabels()) > _TICK_LETTERS:
        axes.tick_params(axis="x", labelrotation=35.0)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
    if axes.get_legend_handles_labels()[1]:  # nothing is marked where nothing is best and nothing went wrong
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=8)


def _ticks(axis: Any, words: Sequence[str], offset: float) -> None:
    kept = range(0, len(words), math.ceil(len(words) / _MOST_TICKS))
    axis.set_ticks([place + offset for place in kept], [words[place] for place in kept])


def _curves(axes: Axes, sweep: SweepConfig, results: Sequence[SettingResult]) -> None:
    best = best_of(sweep, results)
    assert best is not None
    found = [one for one in results if one.status in ("ok", "diverged") and one.steps is not None and len(one.steps)]
    good = {
        one.number for one in Comparison(sweep, results).not_told_from(best, [o for o in found if o.status == "ok"])
    }
    behind = [one for one in found if one.number != best.number]
    for one in [*behind[:: max(1, math.ceil(len(behind) / _MOST_CURVES))], best]:
        color = _BEST if one.number in good or one is best else _GONE if one.status == "diverged" else _OTHER
        width, opacity = (2.2, 1.0) if one is best else (0.8, 0.6)
        assert one.steps is not None
        axes.plot(one.steps, np.asarray(one.curve), color=color, lw=width, alpha=opacity)
    of = "trainings" if sweep.num_seeds == 1 else "settings"
    num_gone = sum(one.status == "diverged" for one in behind)
    first = _first(sweep, task_axes(sweep))
    for color, width, words, count in (
        (_BEST, 2.2, f"{first}: {setting_words(best.values) or 'the base'}", 1),
        (_BEST, 0.8, f"{len(good):,} {of if len(good) > 1 else of[:-1]} not told apart from it", len(good)),
        (_OTHER, 0.8, "others", len(behind) - len(good) - num_gone),
        (_GONE, 0.8, "diverged", num_gone),
    ):
        if count:
            axes.plot([], [], color=color, lw=width, label=words)
    axes.set_xlabel("outer step")
    _result_axis(axes, sweep)
    axes.legend(edgecolor="none", framealpha=0.85, fontsize=8)


def _importance(axes: Axes, sweep: SweepConfig, results: Sequence[SettingResult]) -> Sequence[str]:
    found = importance(sweep, [one for one in results if one.is_finished])
    if found is None:
        raise ConfigError("kind", "importance", why_no_importance(sweep))
    names = [label(axis.axis) for axis in found.axes]
    for row, axis in enumerate(found.axes):
        if not axis.is_told:
            axes.text(0.01, row, "not told from chance", va="center", color="#606060")
            continue
        for share, offset, color in ((axis.share, -0.16, _BEST), (axis.top_share, 0.16, _OTHER)):
            if math.isfinite(share.value):
                ends = [[share.value - share.low], [share.high - share.value]]
                axes.barh(row + offset, share.value, 0.3, color=color, xerr=ends, capsize=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("share of the settings' differences, with its 95% interval over the seeds")
    has_top = any(axis.is_told and math.isfinite(axis.top_share.value) for axis in found.axes)
    for color, words in ((_BEST, "whole range"), (_OTHER, "best tenth"))[: 2 if has_top else 1]:
        axes.barh([-9.0], [0.0], color=color, label=words)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return (*importance_words(sweep, found), trust_words(found))


def _tuning(axes: Axes, sweep: SweepConfig, results: Sequence[SettingResult]) -> Sequence[str]:
    """Draw the tuning curve, and say what a setting that diverged counts as."""
    found = scores(sweep, results)
    if found is None:
        raise ConfigError("kind", "tuning", why_no_scores(sweep))
    curve = found.tuning
    axes.fill_between(curve.num_tried, curve.low, curve.high, color=_BEST, alpha=0.2, lw=0, label="nine draws of ten")
    axes.plot(curve.num_tried, curve.expected, "o-", color=_BEST, label="expected")
    axes.set_xscale("log", base=2)
    *most, last = curve.num_tried
    kept = [count for count in most[:: math.ceil(len(most) / _MOST_TICKS) or 1] if 2 * count <= last]
    axes.set_xticks([*kept, last], [f"{count:,}" for count in (*kept, last)])
    axes.minorticks_off()
    axes.set_xlabel("settings tried, drawn from these")
    _result_axis(axes, sweep)
    axes.legend(frameon=False, fontsize=8)
    return tuning_words(sweep, found)


def _result_axis(axes: Axes, sweep: SweepConfig) -> None:
    axes.set_ylabel(_judged(sweep))
    if not sweep.maximises:
        axes.set_yscale("log")
    _plain_numbers(axes.yaxis)


def _plain_numbers(axis: Any) -> None:
    """Numbers as everywhere else, and not as powers of ten; enough of them where a log axis spans little."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    low, high = axis.axes.get_ylim()
    if low > 0.0 and high / low < _SHORT:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axis.set_minor_formatter(lambda value, _: f"{value:.2g}" if f"{value:.0e}"[0] in "25" else "")


def _judged(sweep: SweepConfig) -> str:
    return "held-out accuracy" if sweep.maximises else "held-out loss"


def _saved(figure: Figure, format_: Literal["svg", "png", "pdf"], name: str, setup: str) -> bytes:
    """The file's bytes, with the set-up in its metadata and without the time at which it was made."""
    metadata: dict[str, Any] = {
        "svg": {"Title": name, "Description": setup, "Date": None},
        "png": {"Title": name, "Description": setup, "Software": None},
        "pdf": {"Title": name, "Subject": setup, "CreationDate": None},
    }[format_]
    out = io.BytesIO()
    figure.savefig(out, format=format_, metadata=metadata, dpi=200)
    return out.getvalue()


def _page(name: str, kind: str, svg: bytes, words: Sequence[str], setup: str) -> bytes:
    """A page of its own with the drawing, what it says, and the set-up."""
    drawing = svg.decode()
    drawing = drawing[drawing.index("<svg") :]
    alternative = html.escape(" ".join(words), quote=True)
    sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in words)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(name)}: {kind}</title></head><body>'
        f'<div role="img" aria-label="{alternative}">{drawing}</div>{sentences}'
        f"<details><summary>Set-up</summary><pre>{html.escape(json.dumps(json.loads(setup), indent=1))}</pre></details>"
        "</body></html>\n"
    ).encode()
