"""Names that people give are shown as they are written: nothing in them acts as Markdown or as a symbol."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dashboard.charts import symbols
from dashboard.charts.sweep_basics import ticks
from dashboard.charts.sweep_curves import LANES
from dashboard.charts.sweep_map import MAP
from dashboard.charts.sweep_optuna import study_of
from dashboard.charts.sweep_settings import View
from dashboard.charts.symbols import in_greek, in_markdown, literal, of_error, plain
from dashboard.setups.settings import refusal as refusal_on_page
from dashboard.setups.sweep_axes import axis_info
from dashboard.theme import LIGHT
from maml_core.config import FolderConfig, RunConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.axes import Axis, setting_words
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from tests.dashboard.charts.test_sweep_map import drawn, figures_of, lanes_looks_of
from tests.dashboard.sidebar.test_main_page import own_hub
from tests.dashboard.sidebar.test_runs_panel import Panel
from tests.dashboard.sweeps.results import result

ODD = (
    "*a*|<b>",
    "`x` ``y``",
    "$x$",
    ":red[b]",
    ":material/home:",
    ":streamlit:",
    "[a](b)",
    "# h",
    "θ_0",
    "θ\\_0",
    "theta_0",
    "alpha",
    "a -- b",
    "a -> b <- c <-> d",
    "<= >= ~=",
    "&amp; &#35;",
    'it\'s "q" “r',
    "\\",
    "a_b_c",
    "x" * 300,
)
DRAWN = re.compile(r"(^|\s)(<->|<-|->|--|>=|<=|~=)(?=\s|$)|:material/\w+:|:streamlit:")
"""What Streamlit 1.67 sets as another sign in text that has been read, when escaping no longer counts."""
LIVELY = set("\\`*_{}[]()<>#+.!|~$:&-")


def read(markdown: str) -> str:
    """The text of what has no Markdown but escaped signs."""
    text, at = "", 0
    while at < len(markdown):
        if markdown[at] == "\\":
            at += 1
            assert markdown[at] in LIVELY
        else:
            assert markdown[at] not in LIVELY, markdown
        text, at = text + markdown[at], at + 1
    assert DRAWN.search(text) is None
    return text.replace("\u2060", "")


def with_odd(test):  # type: ignore[no-untyped-def]
    for name in ODD:
        test = example(name)(test)
    signs = st.text(st.sampled_from("\\`*_{}[]()<>#+.!|~$:&-='\" aθλ0k") | st.characters(exclude_characters="\u2060"))
    spelled = st.lists(st.sampled_from([*ODD, "theta", "λ", "_max", "beta", " "])).map("".join)
    return settings(deadline=None)(given(signs | spelled)(test))


@with_odd
def test_a_text_is_shown_as_it_is(name: str) -> None:
    assert read(plain(name)) == name


@with_odd
def test_a_name_stays_where_symbols_are_set(name: str) -> None:
    assert in_markdown(literal(name)) == literal(name)
    assert read(literal(name)) == name
    assert literal(name) in in_markdown(f"Opened {literal(name)}, paused.")


@with_odd
def test_a_name_stays_in_what_the_engine_says_of_it(name: str) -> None:
    """A refused value, a swept one and a collection of images are quoted; runs, files and places are never set in symbols at all."""
    refusal = ConfigError("tasks.folder", name, f"at most 2: {name!r} has no more, so theta_0")
    refused = in_greek(f"at theta_0 of alpha: {refusal}")
    said = f"at θ_0 of α: tasks.folder = {name!r} is not accepted: at most 2: {name!r} has no more, so θ_0"
    assert (refused.replace("\u2060", ""), len(SYMBOL.findall(refused))) == (said, 2)
    swept = in_greek(f"The best beta is 1 with {setting_words({'tasks.folder': name, 'alpha': 0.1})}.")
    said = f"The best β is 1 with folder = {name!r}, α = 0.1."
    assert (swept.replace("\u2060", ""), SYMBOL.findall(swept)) == (said, [])
    missing = of_error(StoreError("missing", f"there is no sweep {name} in /tmp"))
    assert missing.replace("\u2060", "") == f"there is no sweep {name} in /tmp"
    assert in_greek(missing) == missing
    typed = in_greek(refusal_on_page(ConfigError("clip_norm", name, "a number, so alpha"), RunConfig()))
    assert name in typed.replace("\u2060", "") or repr(name) in typed.replace("\u2060", "")
    assert typed.endswith("so α.")
    assert not SYMBOL.search(missing)


SYMBOL = re.compile(r"[θλ]\\?_\w")
"""What the component sets as one."""


@with_odd
def test_a_folder_that_is_swept_is_text_wherever_plotly_draws_it(name: str) -> None:
    assume("\0" not in name and len(name) < 490)  # what no folder is called, no setting takes
    axis = Axis(name="tasks.folder", values=(f"/{name}", f"/{name} 2"))
    base = RunConfig(tasks=FolderConfig(folder="/x"), joint_baseline=False)
    of = SweepConfig(base=base, axes=(axis,))
    results = [result(i, {axis.name: value}, loss=1.0 + i) for i, value in enumerate(axis.values)]
    view = View(x=axis.name, y=None, color=axis.name)
    seen, _ = drawn(of, view, *results)
    figures = figures_of(of, view, *results)["light"]
    lines = [trace["name"] for trace in figures["lanes"]["data"]][:2]
    ticks = figures["map"]["layout"]["xaxis"]["ticktext"]
    for text in (*lines, *ticks):
        assert not set("<>") & set(text)
    assert [html.unescape(text) for text in lines] == list(axis.values)
    assert [term.replace("\u2060", "") for term, _ in figures["lanes"]["layout"]["meta"]["help"]["terms"][:2]] == list(
        axis.values
    )
    seen, _ = drawn(of, view, results[0])  # two folders are two sets of held-out tasks: of one there is a best
    for said in (MAP.subtitle(seen), MAP.summary(seen)):
        assert name in said.replace("\u2060", "")
        assert not SYMBOL.search(said)


@pytest.mark.parametrize("address", ["tcp://host:8786", "C:\\images", "maml data omniglot --download", "alpha-beta-1"])
def test_what_people_copy_from_a_sentence_has_no_invisible_signs(address: str) -> None:
    assert "\u2060" not in literal(address)


def test_folders_that_are_swept_are_no_html_at_an_axis() -> None:
    axis = Axis(name="tasks.folder", values=("/<b>a</b>", "/a&lt;b", "/plain"))
    base = RunConfig(tasks=FolderConfig(folder="/x"), joint_baseline=False)
    sweep = SweepConfig(base=base, axes=(axis,))
    results = [
        SettingResult(number=i, values={axis.name: v}, status="ok", value=1.0 + i, ci95=0.1)
        for i, v in enumerate(axis.values)
    ]
    at_axis = [html.unescape(name) for _, name in ticks(axis_info(axis, results), upright=True)]
    assert at_axis == list(axis.values)
    assert not any(set("<>") & set(name) for _, name in ticks(axis_info(axis, results), upright=True))
    drawn = [next(iter(trial.params.values())) for trial in study_of(results, sweep).trials]
    assert drawn == ["/&lt;b&gt;a&lt;/b&gt;", "/a&amp;lt;b", "/plain"]
    view = View(x=axis.name, y=None, color=axis.name)
    named = [trace.name for trace in LANES.figure(LIGHT, lanes_looks_of(sweep, view)).data][:3]
    assert named == drawn


GIVEN = {"error", "name", "deleted", "taken", "chosen", "path", "problem", "reason", "folder", "workspace", "text"}
"""What the sidebar and the screens call what others wrote."""
READS_MARKDOWN = {"button", "caption", "error", "info", "markdown", "note", "success", "toast", "warning", "_say"}


def raw(code: str) -> list[str]:
    """Calls that show what others wrote as Markdown."""

    def given_in(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("plain", "literal"):
            return False
        if isinstance(node, ast.Name) and node.id in GIVEN:
            return True
        return any(given_in(child) for child in ast.iter_child_nodes(node))

    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and node.args)
    called = ((call, getattr(call.func, "attr", getattr(call.func, "id", ""))) for call in calls)
    return [ast.unparse(call) for call, by in called if by in READS_MARKDOWN and given_in(call.args[0])]


def test_a_raw_name_is_found() -> None:
    assert raw('state.note(f"Opened {name}.")') == ["state.note(f'Opened {name}.')"]
    assert raw('st.error(in_markdown(plain(f"{error}.")))\nst.caption("None yet.")') == []


def test_the_page_shows_no_raw_name() -> None:
    rooms = Path(symbols.__file__).parents[1]
    known = {
        "st.caption(in_markdown(reason))",  # of a switch
        "st.caption(reason)",  # of a plot
    }
    found = {
        call
        for room in ("sidebar", "screens")
        for file in (rooms / room).glob("*.py")
        for call in raw(file.read_text("utf-8"))
    }
    assert found == known


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_SHARED", "0")
    with own_hub(monkeypatch):
        yield


@pytest.mark.parametrize("name", ["theta_0", "θ_0", "alpha", "__a__ -- b", "_a_ 1. b", "x" * 80])
def test_a_run_is_called_as_it_was_named_wherever_the_page_names_it(name: str) -> None:
    panel = Panel().train(6).save(name)
    texts = [panel.app.success[0].value, panel.app.radio(key="runs.chosen").options[0]]
    panel.save(name).train(2).save(name)
    texts.append(panel.app.warning[0].value)
    panel.press("runs.open")
    texts.append(panel.app.toast[0].value)
    panel.app.session_state["runs"] = True
    panel.rerun()
    panel.press("runs.delete")
    texts += [panel.app.success[0].value, panel.app.button(key="runs.restore").label]
    assert [plain(name) in text or literal(name) in text for text in texts] == [True] * 6, texts
    assert literal(name) in texts[3]  # of a note the symbols are set
