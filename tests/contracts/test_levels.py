"""A family's reference levels have one home, its config: whoever else names a level asks there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import maml_core
from maml_core.config import CurveConfig, RunConfig
from maml_core.divergence import DIVERGED_FACTOR
from maml_core.settings import members_of
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import cap_of
from maml_core.tasks import build_family

ENGINE = Path(maml_core.__file__).parent


@pytest.mark.parametrize("family", members_of(CurveConfig), ids=lambda family: family.__name__)
@pytest.mark.parametrize("changes", [{}, {"x": (-1.0, 2.0), "noise_std": 0.5}], ids=["usual", "other"])
def test_tasks_and_sweeps_have_the_levels_of_the_config(family: Any, changes: dict[str, Any]) -> None:
    config = family(**changes)
    tasks = build_family(config)
    assert tasks.zero_level() == config.zero_level()
    assert tasks.non_adapting_level() == config.non_adapting_level()
    assert config.zero_level() >= config.non_adapting_level() > 0.0
    assert cap_of(SweepConfig(base=RunConfig(tasks=config))) == DIVERGED_FACTOR * config.zero_level()


def test_closed_forms_stand_in_families_alone() -> None:
    """Levels are made of moments of the ranges."""
    using = {
        path.relative_to(ENGINE).as_posix()
        for path in ENGINE.rglob("*.py")
        if any(moment in path.read_text(encoding="utf-8") for moment in ("mean_phasor(", "mean_square("))
    }
    assert {name for name in using if not name.startswith("families/")} == {"levels.py"}
    assert len(using) > 2
