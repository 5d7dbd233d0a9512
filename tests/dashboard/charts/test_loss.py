"""The loss chart: its levels and marks, its numbers, where its axes end."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dashboard.charts.loss import LossInfo, marks_layout
from dashboard.charts.results import GHOST_PLACES, Curves, Ghost, Level, Mark
from dashboard.charts.style import Looks
from dashboard.theme import DARK, LIGHT, Palette
from tests.dashboard.charts.infos import (
    LEVELS,
    REFERENCE,
    SHARES,
    array,
    figure,
    loss_info,
    named,
    ranges,
    subtitle,
    summary,
    update,
)
from tests.dashboard.test_theme import contrast


def test_levels_are_drawn_where_they_are() -> None:
    drawn = figure("loss", LIGHT, LEVELS)
    assert [shape.y0 for shape in drawn.layout.shapes] == [4.2517, 3.0057]
    assert [note.text for note in drawn.layout.annotations] == ["always 0<br>4.25", "best fixed<br>3.01"]
    # A shape on a log axis takes the value, an annotation its logarithm.
    assert [note.y for note in drawn.layout.annotations] == pytest.approx(np.log10([4.2517, 3.0057]))
    assert not figure("loss", LIGHT, Looks()).layout.shapes


def test_what_guessing_reaches_is_drawn_on_either_axis() -> None:
    shares = figure("loss", LIGHT, SHARES).layout
    assert [(shape.y0, shape.y1) for shape in shares.shapes] == [(0.2, 0.2)]
    assert [(note.text, note.y) for note in shares.annotations] == [("guessing<br>20%", 0.2)]
    losses = figure("loss", LIGHT, Looks(levels=(Level(name="guessing", value=np.log(5), meaning=""),))).layout
    assert [(note.text, note.y) for note in losses.annotations] == [("guessing<br>1.61", math.log10(np.log(5)))]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_level_on_a_line_of_the_grid_is_seen_on_it(palette: Palette) -> None:
    drawn = figure("loss", palette, LEVELS).layout
    lines = [shape for shape in drawn.shapes if shape.name == "level"]
    assert len(lines) == len(REFERENCE)
    for shape in lines:
        assert shape.line.width > (drawn.yaxis.gridwidth or 1)
        assert shape.layer == "between"  # above the grid, below the curves
        assert contrast(shape.line.color, palette.page) >= 4.5
        assert contrast(shape.line.color, drawn.yaxis.gridcolor) >= 3


def ghost(number: int, last: float, *, after: float = 1.0) -> Ghost:
    """A ghost with a straight line after adaptation."""
    curves = Curves(
        smoothed_steps=array(0, last),
        smoothed=array(3, 2),
        held_out_steps=array(0, last),
        before=array(4, 4),
        after=array(after, after),
    )
    return Ghost(number=number, place=number - 1, curves=curves)


def test_loss_arrays() -> None:
    drawn = named(loss_info(ghosts=(ghost(1, 5), ghost(2, 9)), after=0.5))
    assert drawn["newest ghost, training"] == [[0, 9], [3, 2]]
    assert drawn["newest ghost, before"] == [[0, 9], [4, 4]]
    assert drawn["ghost 1"] == [[0, 5], [1, 1]]
    assert drawn["ghost 2"] == [[0, 9], [1, 1]]
    assert drawn["ghost 3"] == [[], []]
    assert drawn["held-out after (θ<sub>N</sub>)"] == [[0, 400], pytest.approx([3.9, 0.5])]
    assert drawn["now"] == [[400, 400, 400], pytest.approx([0.7, 3.6, 0.5])]


def test_the_step_axis_grows_in_round_jumps() -> None:
    assert [ranges(loss_info(last=last))["xaxis"][1] for last in (1, 99, 100, 101, 450, 70_000)] == [
        50,
        100,
        100,
        200,
        500,
        100_000,
    ]


def test_a_long_ghost_does_not_squeeze_a_young_run() -> None:
    assert ranges(loss_info(last=20, ghosts=(ghost(1, 20_000), ghost(2, 90))))["xaxis"] == [0, 500]
    assert ranges(loss_info(last=400, ghosts=(ghost(1, 900), ghost(2, 90))))["xaxis"] == [0, 1000]


def numbers(info: LossInfo) -> list[tuple[float, float, str]]:
    """Where the numbers of ghosts stand."""
    found = {axis: values for trace, axis, values in update(info) if trace == "ghost_numbers"}
    return [(float(x), float(y), f"{n:g}") for x, y, n in zip(found["x"], found["y"], found["text"], strict=True)]


def test_each_ghost_has_its_number_where_its_line_ends() -> None:
    info = loss_info(ghosts=(ghost(7, 100, after=2.0), ghost(8, 300, after=0.5)))
    assert numbers(info) == [(100, 2.0, "7"), (300, 0.5, "8")]
    beyond = loss_info(last=20, ghosts=(ghost(1, 20_000),))
    assert numbers(beyond) == [(500, pytest.approx(1.0), "1")]  # where the chart ends
    assert numbers(loss_info()) == []


def test_the_numbers_of_lines_that_end_together_stand_apart_each_on_its_own() -> None:
    ghosts = tuple(ghost(number, 400, after=float(number)) for number in (1, 2, 3, 4))
    found = numbers(loss_info(ghosts=ghosts))
    xs = sorted(x for x, _, _ in found)
    assert min(np.diff(xs)) > 0.06 * ranges(loss_info(ghosts=ghosts))["xaxis"][1]
    assert [(y, text) for _, y, text in found] == [(pytest.approx(number), str(number)) for number in (1, 2, 3, 4)]


def test_a_number_lies_on_a_line_that_is_straight_on_the_logarithmic_axis() -> None:
    falls = Curves(held_out_steps=array(0, 2000), before=array(4, 4), after=array(4.0, 0.04))
    info = loss_info(last=90, ghosts=(Ghost(number=1, place=0, curves=falls),))
    assert numbers(info) == [(1000, pytest.approx(0.4), "1")]
    gone = Curves(held_out_steps=array(0, 5, 9), before=array(4, 4, 4), after=array(4.0, 2.0, np.nan))
    assert numbers(loss_info(ghosts=(Ghost(number=1, place=0, curves=gone),))) == [(5, 2.0, "1")]


def test_the_summary_says_where_ghosts_ended() -> None:
    said = summary(loss_info(ghosts=(ghost(2, 100, after=0.25), ghost(3, 300, after=1.5))))
    assert said.endswith(" Runs before it ended after adaptation: ghost 2 at 0.25, ghost 3 at 1.5.")
    assert "Runs before" not in summary(loss_info(ghosts=(Ghost(number=1, place=0, curves=Curves()),)))


def test_ghosts_have_different_dashes_and_no_place_twice() -> None:
    drawn = figure("loss", LIGHT, LEVELS)
    dashes = [trace.line.dash for trace in drawn.data if trace.name.startswith("ghost ")]
    assert len(set(dashes)) == len(dashes) == GHOST_PLACES


def test_the_loss_axis_is_calm() -> None:
    first = ranges(loss_info(after=0.5))
    assert first["yaxis"] == pytest.approx(np.log10([0.3, 5.0]))
    assert ranges(loss_info(after=0.4), first) == first
    lower = ranges(loss_info(after=0.01), first)
    assert lower["yaxis"][0] == pytest.approx(np.log10(0.007))
    assert ranges(loss_info(after=0.03), lower)["yaxis"] == lower["yaxis"]


def test_a_diverged_run_does_not_flatten_the_rest() -> None:
    diverged = Curves(
        steps=array(0, 1, 2), raw=array(1, 1e30, np.nan), smoothed_steps=array(0, 1), smoothed=array(1, 1e30)
    )
    assert ranges(LossInfo(curves=diverged))["yaxis"] == pytest.approx(np.log10([0.7, 15.0]))


def test_what_is_said_is_the_newest_value_and_where_it_was_measured() -> None:
    assert subtitle(loss_info(after=0.5)) == (
        "Held-out at outer step 400: 3.6 before, 0.5 after. That gap is what the inner steps gain."
    )
    for after, said in ((3.6, "3.6"), (5.0, "5"), (np.nan, "not finite")):
        assert subtitle(loss_info(after=after)) == f"Held-out at outer step 400: 3.6 before, {said} after."
    assert summary(loss_info(after=np.nan)).endswith(
        "at outer step 400 before adaptation 3.6, after adaptation not finite."
    )
    shares = Curves(held_out_steps=array(0, 5), before=array(0.2, 0.3), after=array(0.4, 0.2))
    worse = LossInfo(metric="accuracy", curves=shares)
    assert subtitle(worse) == "Held-out at outer step 5: 30% before, 20% after."


def test_marks_come_with_the_levels() -> None:
    patch = marks_layout(loss_info(marks=(Mark(step=412, text="alpha 0.01 -> 0.1"),)), LIGHT, [0, 500])
    assert [shape["name"] for shape in patch["shapes"]] == ["level", "level", "mark"]
    assert patch["shapes"][-1]["x0"] == patch["shapes"][-1]["x1"] == 412
    assert patch["annotations"][-1]["text"] == "α 0.01 → 0.1"
    assert patch["annotations"][-1]["hovertext"] == "outer step 412: α 0.01 → 0.1"
    figure("loss", LIGHT, LEVELS).update_layout(patch)  # Plotly accepts every key


def test_the_newest_marks_are_named_where_there_is_room() -> None:
    marks = tuple(Mark(step=step, text="beta 0.001 -> 0.01") for step in (10, 15, 300, 310))
    notes = marks_layout(loss_info(marks=marks), LIGHT, [0, 500])["annotations"]
    assert [note["visible"] for note in notes if note["name"] == "mark"] == [False, True, False, True]


def test_marks_at_one_step_are_one_name_that_can_be_read() -> None:
    texts = ["alpha 0.01 -> 0.1", "beta 0.001 -> 0.01", "N 1 -> 2", "tasks per step 25 -> 4"]
    marks = (*(Mark(step=300, text=text) for text in texts), *(Mark(step=30, text=text) for text in texts[:2]))
    patch = marks_layout(loss_info(marks=marks), LIGHT, [0, 2000])
    notes = [note for note in patch["annotations"] if note["name"] == "mark"]
    assert [(note["x"], note["text"]) for note in notes] == [
        (300, "4 changes"),
        (30, "α 0.01 → 0.1, β 0.001 → 0.01"),
    ]
    assert notes[0]["hovertext"] == "outer step 300: α 0.01 → 0.1<br>β 0.001 → 0.01<br>N 1 → 2<br>tasks per step 25 → 4"
    assert sum(shape["name"] == "mark" for shape in patch["shapes"]) == 2
    figure("loss", LIGHT, LEVELS).update_layout(patch)


def test_levels_of_one_value_are_one_line_under_one_number() -> None:
    levels = tuple(Level(name=name, value=8.333, meaning=name) for name in ("always 0", "best fixed"))
    patch = marks_layout(loss_info(levels=levels), LIGHT)
    assert [note["text"] for note in patch["annotations"]] == ["always 0,<br>best fixed<br>8.33"]
    assert len(patch["shapes"]) == 1


def test_losses_below_0_which_a_log_axis_has_not_are_said_to_be_missing() -> None:
    missing = "Losses below 0 are not drawn: the axis is logarithmic."
    info = loss_info(after=-0.5)
    assert subtitle(info).startswith(missing)
    assert missing in summary(info)
    assert missing not in subtitle(loss_info()) + summary(loss_info())
