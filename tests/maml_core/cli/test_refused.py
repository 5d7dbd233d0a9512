"""What the command line refuses: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from maml_core.config import MLPConfig, replace
from maml_core.store import DOCUMENT, RunStore, load_run, save_run
from maml_core.store import folder as folder_module
from maml_core.store.document import VERSION
from tests.maml_core.cli.cases import MAML, TINY, WILD, damage, is_run_of, maml, said, shown, trained
from tests.maml_core.helpers import tiny
from tests.maml_core.test_public_names import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algorithm", "sgd"], "algorithm = 'sgd' is not accepted: one of maml, anil"),
        (["--algorithm", "reptile", "--multi-step-loss"], "reptile does not differentiate through inner steps"),
        (["--algorithm", "fomaml", "--order", "second"], "fomaml is maml with order first"),
        (["-N", "-1"], "num_inner_steps = -1 is not accepted: a whole number from 0 to 50"),
        (["--num-inner-steps", "2.5"], "num_inner_steps = 2.5 is not accepted: a whole number"),
        (["--alpha", "large"], "alpha = 'large' is not accepted: a number"),
        (["--alpha", "nan"], "alpha = nan is not accepted"),
        (["--alpha", "inf"], "alpha = inf is not accepted"),
        (["--beta", "0"], "beta = 0 is not accepted"),
        (["--meta-batch-size", "-3"], "meta_batch_size = -3 is not accepted"),
        (["--hidden-widths", "40,many"], "hidden_widths = 'many' is not accepted"),
        (["--adam-betas", "0.9"], "adam_betas = (0.9,) is not accepted: two numbers"),
        (["--tasks", "cubic"], "tasks.kind = 'cubic' is not accepted: one of sinusoid, linear"),
        (["--tasks", "linear", "--amplitude", "1,2"], "tasks.amplitude"),
        (["--set", "alpha"], "NAME=VALUE is expected"),
        (["--set", "gamma=1"], "gamma = '1' is not accepted: no such field"),
        (["--set", "tasks.colour=1"], "tasks.colour = '1' is not accepted: no such field"),
        (["--set", "a.b.c=1"], "NAME=VALUE is expected"),
        (["--preset", "nothing"], "preset = 'nothing' is not accepted: one of 'Fast demo', "),
        (["--steps", "0"], "steps = 0 is not accepted: a whole number above 0"),
        (["--steps", "-5"], "steps = -5 is not accepted"),
        (["--save-every", "-1"], "save_every = -1.0 is not accepted"),
        (["--save-every", "nan"], "save_every = nan is not accepted"),
        (["--name", "../x"], "name = '../x' is not accepted"),
        (["--name", "a", "--out", "b"], "give one of them"),
        (["--resume", "nothing"], "there is no run or folder called 'nothing'"),
        (["--config", "nothing.toml"], "it cannot be read (No such file or directory)"),
        (["--config", "."], "it cannot be read (Is a directory)"),
        (["--config", "bad.toml"], "it is no TOML"),
        (["--config", "bad.json"], "it is no JSON"),
        (["--config", "list.json"], "a table of settings is expected"),
        (
            ["--config", "unknown.toml"],
            "learning_rate = 0.1 is not accepted: no such field; one of tasks, model",
        ),
        (["--config", "nested.toml"], "model.depth = 3 is not accepted: no such field"),
        (["--config", "timeline.toml"], "timeline[0].changes.dtype = 'float64' is not accepted"),
        (["--config", "number.toml"], "timeline = 3 is not accepted"),
        (["--config", "text.toml"], "alpha = '0.1' is not accepted"),
        (["--config", "rates.toml"], "the inner step sizes are learned"),
        (["--config", "fomaml.toml"], "fomaml is maml with order first"),
        (["--bogus"], "No such option: --bogus"),
        (["--steps", "many"], "Invalid value for '--steps'"),
    ],
    ids=shown,
)
def test_bad_input_is_a_sentence_and_touches_nothing(
    tmp_path: Path, root: Path, arguments: list[str], sentence: str
) -> None:
    files = {
        "bad.toml": "alpha = ",
        "bad.json": '{"alpha": 0.1',
        "list.json": "[1, 2]",
        "unknown.toml": "learning_rate = 0.1",
        "nested.toml": "[model]\ndepth = 3",
        "timeline.toml": '[[timeline]]\nstep = 1\nchanges = {dtype = "float64"}',
        "number.toml": "timeline = 3",
        "text.toml": 'alpha = "0.1"',
        "rates.toml": 'algorithm = "meta_sgd"\n[[timeline]]\nstep = 5\nchanges = {alpha = 0.5}',
        "fomaml.toml": 'algorithm = "fomaml"\norder = "second"',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = maml("train", *arguments, code=2)
    assert sentence in said(result)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not root.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dtype", "float32"], "dtype = 'float32' is not accepted: the run has 'float64', and that cannot change"),
        (["--tasks", "linear"], "tasks = "),
        (["--activation", "relu"], "model = "),
        (["--algorithm", "anil"], "cannot change while it trains; start a new run"),
        (["--beta", "-1"], "beta = -1 is not accepted"),
        (["--preset", "Fast demo"], "leave --config and --preset out"),
        (["--steps", "20"], "steps = 20 is not accepted: a whole number above 20, the outer step that the run is at"),
    ],
    ids=shown,
)
def test_what_a_saved_run_cannot_change_is_a_sentence(arguments: list[str], sentence: str) -> None:
    before = trained("run")
    assert sentence in said(maml("train", "--resume", "run", *arguments, code=2))
    assert RunStore().load("run").saved == before.saved


def test_learned_rates_are_not_changed_by_alpha() -> None:
    trained("run", "--algorithm", "meta_sgd")
    assert "the inner step sizes are learned" in said(maml("train", "--resume", "run", "--alpha", "0.5", code=2))


def another_model(folder: Path) -> None:
    run = load_run(folder)
    other = replace(run.start, {"model": MLPConfig(hidden_widths=(3,))})
    save_run(folder, dataclasses.replace(run, start=other, config=other))


def newer(folder: Path) -> None:
    document = folder / DOCUMENT
    text = document.read_text()
    assert f'"version": {VERSION}' in text
    document.write_text(text.replace(f'"version": {VERSION}', f'"version": {VERSION + 1}'))


def no_state(folder: Path) -> None:
    save_run(folder, dataclasses.replace(load_run(folder), state=b"nothing"))


def foreign(folder: Path) -> None:
    (folder / DOCUMENT).write_text("{}")


@pytest.mark.parametrize("harm", [damage, another_model, newer, no_state, foreign], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_folder_that_cannot_be_used_is_exit_code_4(harm: Any, command: str, root: Path) -> None:
    trained("run")
    harm(root / "run")
    before = {path.name: path.read_bytes() for path in (root / "run").iterdir()}
    result = maml(*(["train", "--resume", "run"] if command == "train" else ["evaluate", "run"]), code=4)
    expected = {
        "damage": "is damaged",
        "another_model": "another model",
        "newer": "update maml-live",
        "no_state": "not a saved run state",
        "foreign": "not of a run of this program",
    }
    assert expected[harm.__name__] in said(result)
    assert {path.name: path.read_bytes() for path in (root / "run").iterdir()} == before


def test_a_foreign_folder_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"\xff")
    result = maml("train", *TINY, "--out", "photos", "--steps", "5", code=4)
    assert "holds other files and no run" in said(result)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["1.jpg"]


class Disk:
    """A disk that is full for some of the writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_full: Any) -> None:
        self.writes = 0
        real = folder_module.write_file

        def write_file(path: Path, data: bytes) -> None:
            self.writes += 1
            if is_full(self.writes):
                raise OSError(errno.ENOSPC, "No space left on device")
            real(path, data)

        monkeypatch.setattr(folder_module, "write_file", write_file)


FIRST_SAVE = 4  # files


def test_a_disk_that_fills_up_loses_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last save fails: the numbers are printed, the save before is intact, the exit code says so."""
    well = json.loads(maml("train", *TINY, "--name", "well", "--steps", "60", "--json").stdout)
    Disk(monkeypatch, lambda writes: writes > FIRST_SAVE)
    result = maml("train", *TINY, "--name", "run", "--steps", "60", "--json", code=4)
    ill = json.loads(result.stdout)
    assert ill["saved"] is False
    assert [ill[key] for key in ("config", "step", "losses", "status")] == [
        well[key] for key in ("config", "step", "losses", "status")
    ]
    assert "the disk is full. Free some space and try again" in said(result)
    assert "maml train --resume run --steps 60" in result.stderr
    monkeypatch.undo()
    monkeypatch.setenv("MAML_RUNS", str(Path(ill["folder"]).parent))
    assert RunStore().load("run").step == 0
    maml("train", "--resume", "run", "--steps", "60")
    assert is_run_of(RunStore().load("run"), tiny(), steps=60)


def test_a_disk_that_is_full_for_a_while_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, lambda writes: writes == FIRST_SAVE + 1)
    result = maml("train", *TINY, "--name", "run", "--steps", "400", "--save-every", "0")
    assert disk.writes > FIRST_SAVE + 4
    assert "Training goes on, and saving is tried again" in said(result)
    assert is_run_of(RunStore().load("run"), tiny(), steps=400)


def test_a_full_disk_is_said_before_training(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    Disk(monkeypatch, lambda writes: True)
    result = maml("train", *TINY, "--name", "run", "--steps", "1000000", code=4)
    assert "the disk is full" in said(result)
    assert not (root / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--alpha", "-101"], 2),
        (["train", "--bogus"], 2),
        (["evaluate", "nothing"], 2),
        (["runs", "delete", "nothing", "--yes"], 2),
        (["runs", "show", "."], 2),
        (["train", *WILD, "--steps", "9"], 3),
        (["train", *TINY, "--steps", "9", "--out", "photos"], 4),
        (["runs", "list"], 0),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else None,
)
def test_exit_codes_of_the_real_command(tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"\xff")
    done = subprocess.run(
        [*MAML, *arguments], capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) == (code != 0)


def test_an_option_that_is_the_end_of_others_names_them() -> None:
    done = maml("train", "--seed", "3", code=2)
    for name in ("--weights-seed", "--tasks-seed", "--evaluation-seed"):
        assert name in done.output
