"""The atlas of sensitivity as one figure, drawn by Matplotlib (``pip install 'maml-live[figures]'``)."""

from __future__ import annotations

import io
from collections.abc import Sequence

from maml_core.reproduce.atlas import Entry, spread
from maml_core.sweeps.drawing import MISSING

_ALPHA, _BETA = "#0072b2", "#d55e00"


def atlas_svg(found: Sequence[Entry]) -> bytes:
    """What is lost without tuning alpha (discs) and beta (squares), with its 95% interval over the seeds: one panel a family, one line an algorithm.

    The same atlas gives the same bytes.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(MISSING) from error
    families = list(dict.fromkeys(entry.cell.family.name for entry in found))
    learners = list(dict.fromkeys(entry.cell.learner.name for entry in found))
    with mpl.rc_context({"svg.hashsalt": "maml-live", "font.size": 9.0}):
        figure = Figure(figsize=(2.0 + 2.4 * len(families), 1.6 + 0.32 * len(learners)), layout="constrained")
        panels = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
        for panel, family in zip(panels, families, strict=True):
            panel.set_title(family, loc="left")
            for colour, marker, name, up in ((_ALPHA, "o", "alpha", -0.12), (_BETA, "s", "beta", 0.12)):
                shown = [
                    (learners.index(one.cell.learner.name), spread(getattr(one, name)))
                    for one in found
                    if one.cell.family.name == family
                ]
                panel.errorbar(
                    [100 * lost.mean for _, lost in shown],
                    [place + up for place, _ in shown],
                    xerr=[100 * lost.ci95 for _, lost in shown],
                    fmt=marker,
                    color=colour,
                    capsize=2,
                    markersize=5,
                    label=name,
                )
            panel.set_xlim(left=0.0)
            panel.grid(axis="x", color="#dddddd")
            panel.set_axisbelow(True)
        panels[0].set_yticks(range(len(learners)), learners)
        panels[0].invert_yaxis()
        panels[0].legend(title="not tuned:", loc="best")
        figure.supxlabel("% of what can be gained that is lost, mean over the step sizes; 95% over the seeds")
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()
