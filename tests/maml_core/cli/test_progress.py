"""Bars of the command line: on a terminal of 80 columns nothing that they say is cut."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress as RichProgress

from maml_core.cli.progress import SweepBar, TrainingBar
from maml_core.config import RunConfig
from maml_core.runs import replay
from maml_core.sweeps.driver import Progress


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Callable[[RichProgress], str]:
    """What a bar shows on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def drawn(bar: RichProgress) -> str:
        console = Console(file=io.StringIO(), width=80)
        console.print(bar.get_renderable())
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue().strip()

    return drawn


def test_a_training_says_what_has_room(line: Callable[[RichProgress], str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, records = replay(RunConfig(meta_batch_size=2, evaluation_tasks=4), [], num_steps=4)
    bar = TrainingBar(0, 20_000)
    bar.show(12_345, records)
    shown = line(bar._progress)
    assert "12345/20000" in shown
    assert f"training loss {records.query_loss[-1]:.3g}, held-out after N" in shown
    monkeypatch.setattr("maml_core.cli.progress._beside", lambda _: " (99.9% right)")
    bar.show(12_346, records)
    shown = line(bar._progress)
    assert "12346/20000" in shown
    assert "held-out after N" in shown  # what is judged on new tasks, where there is no room for both
    assert "training" not in shown
    assert "…" not in shown


@pytest.mark.parametrize(("what", "left"), [("", " (12 diverged, 30 pruned, 2 left out)"), ("lines, anil", "")])
def test_a_sweep_says_what_has_room(line: Callable[[RichProgress], str], what: str, left: str) -> None:
    bar = SweepBar()
    bar.begin(what)
    bar.show(Progress(1_024, 900, 12, 30, 2, 5_000, 7_000))
    shown = line(bar._progress)
    assert f"{what} settings 942/1,024{left} ━".strip() in shown
    bar.show(Progress(10_000, 5_000, 1_234, 3_456, 42, 5_000, 7_000))
    shown = line(bar._progress)
    assert "/10,000" in shown
    assert "42%" in shown
    assert "…" not in shown
