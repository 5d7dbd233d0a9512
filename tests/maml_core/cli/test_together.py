"""Every pair of options: both have their effect, or one of them is refused with a sentence; nothing is ignored in silence."""

from __future__ import annotations

import itertools
import json
import shutil
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.cli.fields import Option, options
from maml_core.cli.together import TABLE, refusals
from maml_core.config import RunConfig, from_dict
from maml_core.presets import PRESETS
from maml_core.store import SavedRun, load_run

SMALL = ["--hidden-widths", "4", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs", "sweeps", "data"):
        monkeypatch.setenv(f"MAML_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def maml(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def commands(group: Any = None, path: str = "") -> Iterator[tuple[str, TyperCommand]]:
    group = typer.main.get_command(app) if group is None else group
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        if isinstance(command, TyperGroup):
            yield from commands(command, words)
        else:
            yield words, command


COMMANDS = dict(commands())
VALUES = {"--scale": "laptop", "--split": "random", "--device": "cpu"}


def typed(parameter: Any) -> list[str]:
    return [parameter.opts[0], *([] if parameter.is_flag else [VALUES.get(parameter.opts[0], "1")])]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_names_options_that_there_are(command: str) -> None:
    known = {parameter.opts[0] for parameter in COMMANDS[command].params}
    assert {line.option for line in TABLE.get(command, ())} <= known
    assert set(TABLE) <= set(COMMANDS)


@pytest.mark.parametrize("command", TABLE)
def test_what_the_table_refuses_is_refused_before_anything_begins(command: str, here: Path) -> None:
    """All pairs of the command's own options, three of them for an export, and one setting of a run beside each."""
    own = [one for one in COMMANDS[command].params if one.param_type_name == "option"]
    own = [one for one in own if not one.name.startswith("set__") or one.name == "set__alpha"]
    refused = 0
    for some in itertools.combinations(own, 3 if command.endswith("export") else 2):
        lines = list(refusals(command, {one.opts[0] for one in some}))
        if not lines:
            continue
        name = ["it"] if any(parameter.param_type_name == "argument" for parameter in COMMANDS[command].params) else []
        result = maml(*command.split(), *name, *(text for one in some for text in typed(one)))
        assert (result.exit_code, result.stdout) == (2, ""), (some, result.output)
        assert result.stderr.startswith(f"maml: {lines[0].option[2:].replace('-', '_')} = ")
        assert lines[0].words in result.stderr
        assert result.stderr.count("\n") == 1
        refused += 1
    assert refused > 0
    assert files(here) == {}


class Part(NamedTuple):
    """Options, and how to see that they had their effect."""

    options: list[str]
    acted: Callable[[Path, Result], bool]


def _newest(here: Path) -> SavedRun:
    """The run that was trained last."""
    return max((load_run(path.parent) for path in here.rglob("run.json")), key=lambda run: run.saved)


def _plain(result: Result) -> Any:
    try:
        return json.loads(result.stdout)
    except json.JSONDecodeError:
        return None


TRAIN = {
    "steps": Part(["--steps", "9"], lambda here, done: _newest(here).step == 9),
    "name": Part(["--name", "new"], lambda here, done: (here / "runs" / "new").is_dir()),
    "out": Part(["--out", "there"], lambda here, done: (here / "there" / "run.json").is_file()),
    "resume": Part(["--resume", "old"], lambda here, done: _newest(here).config.shots == 7 and _newest(here).step > 2),
    "config": Part(["--config", "c.toml"], lambda here, done: _newest(here).config.num_query == 6),
    "preset": Part(
        ["--preset", PRESETS[0].name],
        lambda here, done: _newest(here).config.evaluate_every == PRESETS[0].config.evaluate_every,
    ),
    "set": Part(["--set", "tasks.phase=0.1,0.2"], lambda here, done: _newest(here).config.tasks.phase == (0.1, 0.2)),
    "an option": Part(["--alpha", "0.0123"], lambda here, done: _newest(here).config.alpha == 0.0123),
    "json": Part(["--json"], lambda here, done: _plain(done) is not None and "losses" in _plain(done)),
    "force": Part(["--force", "--name", "gone"], lambda here, done: load_run(here / "runs" / "gone").config.shots != 8),
    "any images": Part(["--any-images"], lambda here, done: False),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, to be copied."""
    folder = tmp_path_factory.mktemp("kept")
    for name, shots in (("old", "7"), ("gone", "8")):
        assert maml("train", *SMALL, "--shots", shots, "--steps", "2", "--out", str(folder / name)).exit_code == 0
    return folder


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(TRAIN, 2)))
def test_two_options_of_train_both_act_or_are_refused(one: str, other: str, here: Path, kept: Path) -> None:
    (here / "c.toml").write_text("num_query = 6\n")
    shutil.copytree(kept, here / "runs")
    before = files(here)
    parts = (TRAIN[one], TRAIN[other])
    arguments = [text for part in parts for text in part.options]
    steps = [] if "steps" in (one, other) else ["--steps", "5"]
    small = SMALL if not {"resume", "preset"} & {one, other} else []
    result = maml("train", *arguments, *steps, *small)
    if result.exit_code == 2:
        assert result.stdout == ""
        assert files(here) == before
        return
    assert result.exit_code == 0, result.output
    assert [part.acted(here, result) for part in parts] == [True, True], result.output


def test_force_that_would_take_no_place_is_refused(here: Path) -> None:
    assert maml("train", *SMALL, "--steps", "2", "--name", "it").exit_code == 0
    before = files(here)
    for arguments, words in (
        (["--resume", "it", "--force"], "it takes the place of the run that --name or --out names"),
        (["--force"], "give one of these, or leave --force out"),
        (["--resume", "it", "--name", "it", "--force"], "the run goes on in its own place; leave --name out"),
        (["--resume", "it", "--out", "runs/it"], "the run goes on in its own place; leave --out out"),
    ):
        result = maml("train", *arguments, "--steps", "5")
        assert result.exit_code == 2
        assert words in result.stderr
        assert files(here) == before


def _other_value(option: Option, config: RunConfig) -> list[str]:
    """An option with a value that is not the one it has."""
    held: Any = config
    for name in option.path:
        held = getattr(held, name)
    if option.hint is bool:
        return [f"--no-{option.flag[2:]}" if held else option.flag]
    if typing.get_origin(option.hint) is typing.Literal:
        return [option.flag, next(word for word in option.metavar.split("|") if word != held)]
    if isinstance(held, tuple):
        return [option.flag, ",".join(str(number + 1) for number in held)]
    return [option.flag, str(1 if held is None else held * 2 if held else 1)]


def _settings() -> list[Option]:
    config = RunConfig()
    return [
        option
        for option in options()
        if (len(option.path) == 1 and option.path[0] not in ("tasks", "model"))
        or (len(option.path) == 2 and hasattr(getattr(config, option.path[0]), option.path[1]))
    ]


def test_two_settings_both_stand_in_the_set_up_or_are_refused() -> None:
    """Each setting with the next two."""
    config, settings = RunConfig(), _settings()
    kept = 0
    for place, one in enumerate(settings):
        for other in (settings[(place + 1) % len(settings)], settings[(place + 2) % len(settings)]):
            result = maml("train", "--dry-run", *_other_value(one, config), *_other_value(other, config))
            if result.exit_code == 2:
                assert result.stderr.count("\n") == 1
                continue
            found = from_dict({name: value for name, value in json.loads(result.stdout).items() if name != "timeline"})
            for option in (one, other):
                before, now = config, found
                for name in option.path:
                    before, now = getattr(before, name), getattr(now, name)
                assert now != before, (one.flag, other.flag)
            kept += 1
    assert kept > len(settings)


EXPORTS = {
    "csv": ["--csv"],
    "zip": ["--zip"],
    "script": ["--script"],
    "weights": ["--weights"],
    "tensorboard": ["--tensorboard", "tb"],
    "out": ["--out", "some.file"],
    "stdout": ["--out", "-"],
    "force": ["--force"],
    "root": ["--root", "runs"],
}
ENDINGS = {"csv": "one.csv", "zip": "one.zip", "script": "one.py", "weights": "one.safetensors"}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(EXPORTS, 2)))
def test_two_options_of_export_both_act_or_are_refused(one: str, other: str, here: Path, kept: Path) -> None:
    shutil.copytree(kept / "old", here / "runs" / "one")
    before = files(here)
    result = maml("runs", "export", "one", *EXPORTS[one], *EXPORTS[other])
    made = files(here).keys() - before.keys()
    if result.exit_code == 2:
        assert (made, result.stdout) == (set(), "")
        return
    assert result.exit_code == 0, result.output
    for option, name in ENDINGS.items():
        if option in (one, other):
            expected = {"out": "some.file", "stdout": ""}.get(one if option == other else other, name)
            assert expected in made if expected else "Wrote" not in result.stdout
    assert any(name.startswith("tb/") for name in made) == ("tensorboard" in (one, other))


def test_a_table_on_stdout_has_nothing_else_in_it(here: Path) -> None:
    assert maml("train", *SMALL, "--steps", "2", "--name", "one").exit_code == 0
    alone = maml("runs", "export", "one", "--csv", "--out", "-").stdout
    both = maml("runs", "export", "one", "--csv", "--out", "-", "--tensorboard", "tb")
    assert both.stdout == alone
    assert "tensorboard --logdir tb" in both.stderr
    refused = maml("runs", "export", "one", "--csv", "--out", "-", "--force")
    assert (refused.exit_code, refused.stdout) == (2, "")


@pytest.mark.parametrize("command", [["show"], ["delete", "--yes"], ["export", "--csv"]])
def test_a_root_says_where_a_name_is_looked_up_and_no_folder_of_that_name_is_taken_instead(
    command: list[str], here: Path
) -> None:
    assert maml("train", *SMALL, "--steps", "2", "--out", "it").exit_code == 0
    before = files(here)
    result = maml("runs", command[0], "it", "--root", "elsewhere", *command[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no run or folder called 'it'" in result.stderr
    assert files(here) == before


def test_json_before_a_command_of_data_is_refused(here: Path) -> None:
    result = maml("data", "--json", "omniglot")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "maml data omniglot ... --json" in result.stderr


@pytest.mark.parametrize("option", ["--joint-baseline", "--oracle-baseline"])
def test_a_sweep_refuses_baselines_that_it_would_not_train(option: str, here: Path) -> None:
    result = maml("sweep", "--axis", "alpha=0.1,0.2", "--dry-run", option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a sweep trains its settings without baselines; leave it out" in result.stderr


@pytest.mark.parametrize("command", ["evaluate it --seed 1 --seed 2", "runs export --out a it --csv --out b"])
def test_a_value_given_twice_is_refused_after_an_argument_too(command: str) -> None:
    result = maml(*command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "it is given 2 times; give it once" in result.stderr


@pytest.mark.parametrize(
    "command", ["train --name a --name b", "train --bogus", "evaluate it --bogus", "runs show it --bogus"]
)
def test_a_refusal_names_the_help_of_its_own_command(command: str) -> None:
    """It named that of `maml`, or of the group."""
    result = maml(*command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    words = command.split(" --")[0].removesuffix(" it")
    assert f" {words} --help' for help." in " ".join(result.stderr.split())
