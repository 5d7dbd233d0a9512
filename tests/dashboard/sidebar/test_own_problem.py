"""A problem of one's own in the sidebar: what the page opens with, how it is chosen and left, and which of its saved runs open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.server import start
from dashboard.setups import address
from dashboard.setups.choices import FAMILIES, demo_of
from dashboard.setups.settings import OF_NETWORK, on_the_page
from dashboard.setups.workspaces import own_workspace
from maml_core.config import GlyphsConfig, RunConfig, SinusoidConfig, replace
from maml_core.families.own import VARIABLE
from maml_core.own_code import tasks_named
from maml_core.presets import DEFAULT_PRESET, few_shot
from tests.dashboard.live.driver import Driver
from tests.dashboard.sidebar.test_main_page import Visit, own_hub
from tests.maml_core.own_module import CURVES, is_imported, own_module, rewritten
from tests.maml_core.sweeps.own_sweep import Here


@pytest.fixture(name="module", autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of one's own, which was started with the name of the module."""
    with own_module(tmp_path, monkeypatch, CURVES) as name, own_hub(monkeypatch):
        monkeypatch.setenv("MAML_SHARED", "0")
        monkeypatch.setenv(VARIABLE, f"{name}:problem")
        monkeypatch.setattr(start, "get_pool", Here)
        start.get_hub.cache_clear()
        yield name


def families(visit: Visit) -> list[str]:
    return list(visit.app.selectbox(key="set.family").options)


def is_consistent(visit: Visit) -> bool:
    return visit.shown == on_the_page(visit.config)


def test_a_page_opens_with_it_and_its_settings_are_those_that_act(module: str) -> None:
    visit = Visit()
    own = tasks_named(f"{module}:problem")
    assert visit.config == demo_of(own)
    assert (visit.config.shots, visit.config.num_query) == (5, 5)  # its tasks have six points each
    assert is_consistent(visit)
    assert not visit.shown.keys() & {*OF_NETWORK, "model", "test_x", "noise_std", "ways"}
    assert families(visit)[-1] == f"{module}:problem"
    said = [caption.value.replace("\\", "") for caption in visit.app.caption]
    assert f"The network, of 25 parameters, and the loss (MSE) are those of {module}:problem." in said
    visit.choose(shots=3, evaluation_steps=4)
    assert (visit.config.shots, visit.config.evaluation_steps, visit.config.tasks) == (3, 4, own)
    assert is_consistent(visit)


def test_it_is_left_for_other_tasks_and_chosen_again(module: str) -> None:
    visit = Visit().choose(family="glyphs")
    assert visit.config == few_shot(GlyphsConfig())
    visit.choose(family="python")
    assert visit.config == demo_of(tasks_named(f"{module}:problem"))
    visit.choose(family="sinusoid")
    assert visit.config == DEFAULT_PRESET.config
    assert is_consistent(visit)
    assert families(visit)[-1] == f"{module}:problem"


def test_an_address_with_a_set_up_opens_that_and_imports_nothing(module: str, tmp_path: Path) -> None:
    visit = Visit(alpha="0.3", tasks__kind="linear")
    assert visit.config.tasks.kind == "linear"
    assert not is_imported(tmp_path, module)
    visit = Visit(tasks="own", alpha="0.3", shots="2")
    expected = replace(RunConfig(), {"tasks": tasks_named(f"{module}:problem"), "alpha": 0.3, "shots": 2})
    assert (visit.config, visit.notes) == (expected, [])


def test_code_that_cannot_be_had_says_why_and_the_usual_page_opens(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("import nothing_like_it")
    visit = Visit()
    assert visit.config == DEFAULT_PRESET.config
    (said,) = visit.notes
    assert "its module asks for nothing_like_it, which is not there; install that" in said
    assert said.endswith("The default set-up is used.")
    visit.choose(family="python")
    assert visit.config == DEFAULT_PRESET.config
    assert "its module asks for nothing_like_it" in visit.notes[0]
    assert is_consistent(visit)
    (tmp_path / f"{module}.py").write_text(
        CURVES.replace("reinitialize=True)", "reinitialize=True), loss=lambda *_: 1 / 0")
    )
    visit.choose(family="python")
    assert f"its own code fails in {module}.py, line " in visit.notes[0]
    assert "(ZeroDivisionError: division by zero)" in visit.notes[0]
    rewritten(tmp_path, module, CURVES)
    visit.choose(family="python")
    assert visit.config.tasks.kind == "python"


def test_a_server_without_it_offers_none_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    visit = Visit(tasks="own", alpha="0.3")
    assert visit.config == DEFAULT_PRESET.config
    assert visit.notes == [address.NO_OWN]
    assert len(families(visit)) == len(FAMILIES)
    assert isinstance(Visit().config.tasks, SinusoidConfig)


def test_its_saved_runs_open_where_its_code_was_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(demo_of(tasks_named(f"{module}:problem")), {"evaluation_tasks": 4, "meta_batch_size": 2})
    run = Driver(config).opened().played(6).run.saved("mine")
    assert run is not None
    own_workspace().save(run, replace=True)
    for named in (False, True):
        monkeypatch.setenv(VARIABLE, f"{module}:problem" if named else "")
        visit = Visit(alpha="0.3")
        visit.app.session_state["runs"] = True
        visit.rerun()
        (about,) = visit.app.radio(key="runs.chosen").proto.captions
        assert f"MAML · {module}:problem · outer step 6" in about.replace("\\", "")
        said = [caption.value.replace("\\", "") for caption in visit.app.caption]
        opening = visit.app.button(key="runs.open")
        assert opening.disabled is not named
        way = (
            f"To open it, start the page with: maml dashboard --problem {module}:problem, in the folder of its module."
        )
        assert (way in said) is not named
        assert "There is no script of it: its tasks, network and loss are in Python code of their own." in said
        if named:
            opening.click()
            visit.rerun()
            assert (visit.run.step, visit.run.config) == (6, config)
