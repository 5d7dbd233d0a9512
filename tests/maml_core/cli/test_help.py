"""Help: grouped as people look for things, and read whole on a narrow terminal."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.cli.fields import PANELS, options
from maml_core.config import RunConfig


def helped(*command: str, width: int = 80) -> str:
    return CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": str(width)}).stdout


def panels(text: str) -> dict[str, str]:
    """What stands in each panel."""
    return {head.strip(): body for head, body in re.findall(r"╭─ (.+?) ─+╮\n(.*?)╰─", text, re.DOTALL)}


def test_every_setting_is_in_one_group() -> None:
    counts = Counter(name for names in PANELS.values() for name in names)
    assert set(counts.values()) == {1}
    assert set(counts) == {f.name for f in dataclasses.fields(RunConfig)}


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_options_stand_in_their_groups(command: str) -> None:
    found = panels(helped(command, width=200))
    assert {"Options", "Output", *PANELS} == set(found)
    for option in options():
        where = [name for name, body in found.items() if re.search(rf"[│ ]{option.flag}[ /,]", body)]
        assert option.panel in where, (option.flag, where)
    assert "--json" in found["Output"]
    assert "--multi-step-loss" in found["MAML++ switches"]
    assert "--per-step-rates" not in found["Algorithm"]


@pytest.mark.parametrize("command", ["train", "sweep", "evaluate", "reproduce", "runs export", "data folder", ""])
def test_nothing_is_cut_off_in_help(command: str) -> None:
    assert "…" not in helped(*command.split())


def test_a_switch_and_its_opposite_are_whole_on_80_columns() -> None:
    assert re.search(r"--per-step-statistics +--no-per-step-statistics ", helped("train"))


def test_each_command_has_a_line_of_its_own_at_80_columns() -> None:
    lines = panels(helped())["Commands"].splitlines()
    names = [line.split()[1] for line in lines if line.strip("│ ")]
    one_each = ["dashboard", "train", "evaluate", "adapt", "sweep", "reproduce", "bench", "doctor"]
    assert names == [*one_each, "runs", "data", "sweeps", "lessons", "cache"]
