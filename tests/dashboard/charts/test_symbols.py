"""Symbols have one spelling on the page: α, β, θ, λ, with their indices set as indices; never the engine's ASCII names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import glossary
from dashboard.charts.all import CHARTS, figures_json
from dashboard.charts.loss import LossInfo, marks_layout
from dashboard.charts.results import Mark
from dashboard.charts.style import Looks
from dashboard.charts.sweep_curves import LANES
from dashboard.charts.sweep_frozen import FROZEN, FrozenLooks, frozen_info
from dashboard.charts.sweep_map import MAP
from dashboard.charts.sweep_pins import PINS, PinsLooks
from dashboard.charts.sweep_settings import View
from dashboard.charts.symbols import in_greek, in_markdown
from dashboard.setups.algorithms import IDEAS, NAMES, own_rule, why_no_order
from dashboard.setups.settings import refusal
from dashboard.theme import LIGHT
from maml_core.config import CHANGEABLE, RunConfig, changed
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from maml_core.sweeps.findings import read
from tests.dashboard.charts.infos import EMPTY, INFOS, subtitle, summary
from tests.dashboard.charts.test_glossary import CARDS
from tests.dashboard.charts.test_sweep_map import drawn, figures_of
from tests.dashboard.sidebar.test_main_page import Visit, explained, own_hub
from tests.dashboard.sweeps.results import grid, sweep
from tests.dashboard.sweeps.test_info import frozen
from tests.dashboard.sweeps.test_sensitivity_screen import Visit as SweepVisit

ASCII = re.compile(r"\b(theta|lambda)(_\w+)?\b|(?<![\w-])(alpha|beta)(?![\w-])|\bnum_inner_steps\b")
RAW_INDEX = re.compile(r"[θλ]\\?_")
"""As Streamlit would show it."""
WEB = Path(glossary.__file__).parents[1] / "web"


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    with own_hub(monkeypatch):
        yield


def words_of(app: AppTest) -> list[str]:
    """All that Streamlit shows of a page."""
    kinds = (app.markdown, app.caption, app.toast, app.warning, app.error)
    labels = [label for label, _ in explained(app)] + [button.label for button in app.button]
    return [*(str(text.value) for kind in kinds for text in kind), *labels, *(text for _, text in explained(app))]


def wrong(texts: list[str]) -> list[str]:
    return [text for text in texts if ASCII.search(_without_math(text)) or RAW_INDEX.search(_without_math(text))]


def _without_math(text: str) -> str:
    return re.sub(r"\$[^$]*\$|'[^']*'|`[^`]*`", "", text)


@pytest.mark.parametrize("preset", [preset.name for preset in PRESETS if "Omniglot" not in preset.name])
def test_the_sidebar_of_every_preset(preset: str) -> None:
    visit = Visit().preset(preset)
    texts = words_of(visit.app)
    assert len(texts) > 40
    assert wrong(texts) == []


@pytest.mark.parametrize("algorithm", NAMES)
def test_the_notes_of_every_choice(algorithm: Any) -> None:
    visit = Visit(v="1", alpha="0", num_inner_steps="0").choose(algorithm=algorithm)
    assert wrong(words_of(visit.app)) == []


def test_the_sensitivity_screen() -> None:
    visit = SweepVisit().open("sweep.rungs").open("sweep.elsewhere")
    visit.app.number_input(key="sweep.alpha.low").set_value(0.0)
    visit.rerun()
    assert visit.app.warning
    assert wrong(words_of(visit.app)) == []


def test_sentences_of_charts_and_of_the_glossary() -> None:
    said = [
        glossary.page_help(),
        [(card.text, *card.legend.values(), card.each) for card in CARDS.values()],
        [(chart.title, chart.accuracy_title, chart.hint) for chart in CHARTS],
        IDEAS,
        list(map(subtitle, [*INFOS, *EMPTY])),
    ]
    said += [own_rule(preset.config) for preset in PRESETS] + [why_no_order(preset.config) for preset in PRESETS]
    assert (
        ASCII.search(str(said).replace("'alpha':", "").replace("'beta':", "").replace("'num_inner_steps':", "")) is None
    )


PLOTLY_RAW = re.compile(r"[θλ]_|\bN_eval")
"""As Plotly would show it: it has its own way to write an index."""


def texts_of(figure: Any, name: str = "") -> Iterator[str]:
    """All that Plotly draws of a figure as text, and the title of its card."""
    if isinstance(figure, dict):
        for key, value in figure.items():
            if key != "help":  # sentences of the page
                yield from texts_of(value, key)
    elif isinstance(figure, list):
        for value in figure:
            yield from texts_of(value, name)
    elif isinstance(figure, str) and name in ("name", "text", "title", "ticktext", "hovertemplate", "hovertext"):
        yield figure


def test_figures_have_indices_as_plotly_writes_them() -> None:
    view = View(x="alpha", y="beta", color="alpha")
    drawn = [
        figures_json(Looks())["light"],
        figures_json(Looks(metric="accuracy", loss_name="cross-entropy", own_rule="learned α"))["light"],
        figures_of(sweep(), view)["light"],
        FROZEN.figures(FrozenLooks("loss", "MSE", 10))["light"],
        PINS.figures(PinsLooks("MSE", 3))["light"],
        marks_layout(LossInfo(marks=(Mark(step=5, text="alpha 0.1 -> 0.2, beta 1 -> 2"),)), LIGHT),
    ]
    texts = list(texts_of(drawn))
    assert len(texts) > 200
    assert {"start (θ<sub>0</sub>)", "Frozen θ<sub>0</sub>", "N<sub>eval</sub> (inner steps at test)"} <= set(texts)
    assert [text for text in texts if ASCII.search(text) or PLOTLY_RAW.search(text)] == []


def test_what_cards_say_to_the_eye_and_to_the_ear() -> None:
    sweeps, of = sweep(), frozen_info(frozen(), "loss", "The live run's θ_0 at outer step 5")
    seen, lanes = drawn(sweeps, View(x="alpha", y="beta", color="alpha"))
    said = [*map(summary, [*INFOS, *EMPTY]), *map(subtitle, [*INFOS, *EMPTY])]
    said += [MAP.summary(seen), MAP.subtitle(seen), LANES.subtitle(lanes)]
    said += [FROZEN.summary(of), FROZEN.subtitle(of)]
    said += [in_greek(" ".join(read(sweeps, grid(sweeps))))]
    assert any("θ_0" in text for text in said)
    assert wrong([text.replace("θ_", "θ").replace("λ_", "λ") for text in said]) == []


def test_what_the_page_writes_itself() -> None:
    """Strings of the component's modules that have a space: what is read, not what is looked up."""
    for module in (path for path in WEB.rglob("*.js") if not path.name.endswith(".min.js")):  # plotly.js is not ours
        code = re.sub(r"^\s*(//|\*|/\*).*$|\s// .*$", "", module.read_text(encoding="utf-8"), flags=re.MULTILINE)
        strings = [text for text in re.findall(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`', code) if " " in text]
        assert [text for text in strings if ASCII.search(re.sub(r"\$\{[^}]*\}", "", text))] == [], module.name


def test_what_a_browser_shows_as_plain_text_has_no_raw_index() -> None:
    """Attributes take no subscripts: θ₀ has its own sign there."""
    attribute = re.compile(r"""(?:\btitle|"aria-label"|\bplaceholder|\balt): ("[^"\n]*"|`[^`\n]*`)""")
    for module in WEB.rglob("*.js"):
        elements = [line for line in module.read_text(encoding="utf-8").splitlines() if "el(" in line]
        raw = [text for line in elements for text in attribute.findall(line) if RAW_INDEX.search(text)]
        assert raw == [], module.name


BAD: dict[str, list[Any]] = {
    "alpha": [float("nan"), -101.0, "abc", "", None],
    "beta": [0.0, float("inf"), "x"],
    "num_inner_steps": [0.05, -1, 51, "abc", float("nan")],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_a_refused_value_of_a_dial_names_the_dial_and_what_it_takes(field: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(RunConfig(), {field: value})
    sentence = in_greek(refusal(caught.value, RunConfig()))
    assert sentence.startswith({"alpha": "α (inner", "beta": "β (outer", "num_inner_steps": "N (inner"}[field])
    assert re.search(r"number (from|above) −?\d", sentence), sentence
    assert ASCII.search(sentence) is None
    assert ("whole" in sentence) == (field == "num_inner_steps")


def test_every_setting_that_can_change_is_called_as_on_the_page() -> None:
    for field in CHANGEABLE:
        sentence = in_greek(refusal(ConfigError(field, 3, "another"), RunConfig()))
        assert "_" not in sentence, sentence


def test_indices_are_set_as_such_where_streamlit_writes() -> None:
    assert in_markdown("theta_0, θ_N and 2/λ_max") == r"$\theta_{0}$, $\theta_{N}$ and 2/$\lambda_{\max}$"
    assert in_markdown(r"at θ\_0") == r"at $\theta_{0}$"
    assert in_markdown("no run called 'alpha'; alpha-beta-1 stays") == "no run called 'alpha'; alpha-beta-1 stays"
    assert in_markdown("no run called 'θ_0'").replace("\u2060", "") == "no run called 'θ_0'"
