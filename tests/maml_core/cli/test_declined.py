"""What a command asks before it deletes, and what comes of each answer: the exit code that its table promises, and nothing lost but by a yes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from maml_core import Axis, RunConfig, SweepConfig
from maml_core.cli.console import check_agreed
from maml_core.store import RunStore
from maml_core.sweeps.catalog import is_kept
from maml_core.sweeps.study import open_study
from tests.maml_core.cli.cases import maml, said, trained


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    return tmp_path


@pytest.mark.usefixtures("root")
def test_a_deletion_that_is_declined_is_done_and_one_that_nobody_answers_is_refused() -> None:
    axis = Axis(name="alpha", values=(0.01, 0.02))
    open_study(SweepConfig(base=RunConfig(), axes=(axis,)), "kept").close()
    trained("kept", steps=1)
    for group in ("sweeps", "runs"):
        for answer in ("n\n", "\n"):
            assert "Nothing was deleted." in maml(group, "delete", "kept", input=answer).stdout
        refused = maml(group, "delete", "kept", input="", code=2)
        assert "maml: nobody answers here, and nothing was deleted; --yes deletes without asking" in said(refused)
    assert is_kept("kept")
    assert RunStore().load("kept").step == 1


def test_the_end_of_a_terminals_input_declines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())  # Ctrl-D
    with pytest.raises(typer.Exit) as left:
        check_agreed("Delete it?", yes=False)
    assert left.value.exit_code == 0
    assert capsys.readouterr().out == "Delete it? [y/N]: \nNothing was deleted.\n"
