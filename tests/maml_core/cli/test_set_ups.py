"""The set-up of a command: options, files, presets, and the help that explains them."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.cli.fields import Option, options
from maml_core.config import LinearConfig, MLPConfig, PythonConfig, RunConfig, SinusoidConfig, from_dict, to_dict
from maml_core.presets import PRESETS
from maml_core.records import Entry
from maml_core.settings import members_of
from tests.maml_core.cli.cases import TINY, is_run_of, maml, trained
from tests.maml_core.helpers import tiny
from tests.maml_core.test_public_names import run_fresh

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


def set_up(*arguments: str) -> RunConfig:
    """The config that `maml train` would use."""
    plain = json.loads(maml("train", "--dry-run", *arguments).stdout)
    del plain["timeline"]
    return from_dict(plain)


def paths(cls: Any = RunConfig, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Where the fields of a config are; the kind of a nested one counts as its own path."""
    found = set()
    for f in dataclasses.fields(cls):
        hint = typing.get_type_hints(cls)[f.name]
        members = [member for member in (typing.get_args(hint) or (hint,)) if dataclasses.is_dataclass(member)]
        nested = [member for member in members if member is not PythonConfig]  # it has one option, --problem
        if f.name != "kind":
            found.add((*above, f.name))
        for member in nested:
            found |= paths(member, (f.name,))
    return found


def test_every_field_has_one_option() -> None:
    assert sorted(option.path for option in options()) == sorted(paths())
    assert len({option.flag for option in options()}) == len(options())
    assert len(options()) > 40


def other_value(option: Option) -> str | bool:
    """A value that the field accepts and that is not its default."""
    hints = typing.get_type_hints(RunConfig)
    owners = typing.get_args(hints[option.path[0]]) if len(option.path) > 1 else (RunConfig,)
    field = next(
        cls.__dataclass_fields__[option.path[-1]] for cls in owners if option.path[-1] in cls.__dataclass_fields__
    )
    if option.hint is bool:
        return not field.default
    if typing.get_origin(option.hint) is Literal:
        return next(choice for choice in typing.get_args(option.hint) if choice != field.default)
    if any(typing.get_origin(member) is tuple for member in members_of(option.hint)):
        return "3,4" if field.metadata["high"] > 1 else "0.5,0.6"
    if option.hint is str:
        return "elsewhere"
    low, above, high = (field.metadata[bound] for bound in ("low", "above", "high"))
    candidates = [value for value in (2, 3, 0.5, low, high) if value is not None and value != field.default]
    return str(next(v for v in candidates if v <= high and (low is None or v >= low) and (above is None or v > above)))


NEEDS = {
    "--num-features": ["--tasks", "linear"],
    "--w-mean": ["--tasks", "linear"],
    "--w-std": ["--tasks", "linear"],
    "--ways": ["--tasks", "glyphs"],
    "--labels": ["--tasks", "glyphs"],
    "--head": ["--tasks", "glyphs"],
    "--difficulty": ["--tasks", "glyphs"],
    "--test-difficulty": ["--tasks", "glyphs"],
    "--split": ["--tasks", "omniglot"],
    "--split-seed": ["--tasks", "omniglot"],
    "--rotations": ["--tasks", "omniglot"],
    "--folder": ["--tasks", "folder"],
    "--size": ["--tasks", "folder"],
    "--color": ["--tasks", "folder"],
    "--validation-classes": ["--tasks", "folder"],
    "--test-classes": ["--tasks", "folder"],
    "--num-layers": ["--tasks", "glyphs", "--model", "conv"],
    "--num-filters": ["--tasks", "glyphs", "--model", "conv"],
    "--downsample": ["--tasks", "glyphs", "--model", "conv"],
    "--norm": ["--tasks", "glyphs", "--model", "conv"],
    "--batch-norm-treatment": ["--batch-norm"],
    "--per-step-norm": ["--batch-norm"],
    "--per-step-statistics": ["--batch-norm", "--batch-norm-treatment", "running"],
}
"""What else has to be chosen before a setting may be."""


@pytest.mark.parametrize("option", [option for option in options() if option.flag != "--model"], ids=lambda o: o.flag)
def test_every_option_has_an_effect_and_only_its_own(option: Option) -> None:
    value = "linear" if option.flag == "--tasks" else other_value(option)
    context = NEEDS.get(option.flag, [])
    flags = (
        [option.flag, value] if isinstance(value, str) else [option.flag.replace("--", "--" if value else "--no-", 1)]
    )
    before, after = to_dict(set_up(*context)), to_dict(set_up(*context, *flags))
    if len(option.path) == 1:
        assert after.pop(option.path[0]) != before.pop(option.path[0])
    else:
        outer, inner = option.path
        assert after[outer].pop(inner) != before[outer].pop(inner)
    assert after == before


def test_every_option_is_explained() -> None:
    text = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).stdout
    for option in options():
        assert option.help.strip()
        assert option.flag in text
    assert "Exit codes" in text


def test_a_dry_run_prints_what_a_run_begins_with(root: Path) -> None:
    assert set_up(*TINY, "-N", "2") == tiny(num_inner_steps=2)
    assert not root.exists()
    assert trained("run", "-N", "2").start == tiny(num_inner_steps=2)


def test_a_dry_run_holds_nothing_that_toml_cannot() -> None:
    assert "null" not in maml("train", "--dry-run").stdout


def test_a_dry_run_is_a_file_that_gives_the_same_set_up(tmp_path: Path) -> None:
    first = maml("train", "--dry-run", *TINY, "--tasks", "linear", "--clip-norm", "2").stdout
    (tmp_path / "run.json").write_text(first)
    assert maml("train", "--dry-run", "--config", "run.json").stdout == first


TOML = """
algorithm = "fomaml"
alpha = 0.05
tasks = {kind = "linear", num_features = 2}
[model]
hidden_widths = [7]
[[timeline]]
step = 4
changes = {alpha = 0.02}
"""


def test_options_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(TOML)
    found = set_up("--preset", "fast demo", "--config", "run.toml", "--activation", "tanh", "--set", "tasks.w_std=2")
    demo = PRESETS[0].config
    assert (found.alpha, found.beta, found.meta_batch_size) == (0.05, demo.beta, demo.meta_batch_size)
    assert (found.algorithm, found.order) == ("maml", "first")
    assert to_dict(found.model) == to_dict(MLPConfig(hidden_widths=(7,), activation="tanh"))
    assert found.tasks == LinearConfig(num_features=2, w_std=2.0)
    assert set_up("--config", "run.toml", "--alpha", "0.1", "--tasks", "sinusoid").alpha == 0.1
    assert set_up("--config", "run.toml", "--tasks", "sinusoid").tasks == SinusoidConfig()


def test_a_timeline_in_the_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[[timeline]]\nstep = 4\nchanges = {alpha = 0.02, num_inner_steps = 3}\n")
    timeline = (Entry(step=4, kind="change", changes={"alpha": 0.02, "num_inner_steps": 3}),)
    assert is_run_of(trained("run", "--config", "run.toml"), tiny(), timeline)


@pytest.mark.parametrize("name", [preset.name for preset in PRESETS])
def test_every_preset_is_at_hand(name: str) -> None:
    assert set_up("--preset", name) == next(preset.config for preset in PRESETS if preset.name == name)


def test_the_alias_fomaml_is_maml_of_first_order() -> None:
    assert set_up("--algorithm", "fomaml") == RunConfig(order="first")


def test_nothing_that_help_needs_loads_torch() -> None:
    run_fresh(
        "import sys\nfrom typer.testing import CliRunner\nfrom maml_core.cli import app\n"
        "for command in ([], ['train'], ['evaluate'], ['runs'], ['runs', 'list'], ['bench']):\n"
        "    done = CliRunner().invoke(app, [*command, '--help'])\n"
        "    assert done.exit_code == 0 and 'Usage' in done.output\n"
        "assert CliRunner().invoke(app, ['train', '--dry-run']).exit_code == 0\n"
        "assert 'torch' not in sys.modules and 'pyarrow' not in sys.modules"
    )


def test_help_teaches() -> None:
    text = maml("--help").stdout
    for part in ("maml train --resume demo", "maml evaluate demo", "Exit codes", "143", "MAML_RUNS"):
        assert part in text
