"""`maml train`: what it prints, what it keeps, how it ends and goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maml_core.cli.console import percent
from maml_core.cli.progress import TrainingBar
from maml_core.cli.trained import print_report
from maml_core.config import FolderConfig, from_dict
from maml_core.records import Entry
from maml_core.store import DOCUMENT, RunStore, load_run
from tests.maml_core.cli.cases import MAML, SMALL_IMAGES, TINY, WILD, is_run_of, maml, said, trained
from tests.maml_core.commands import with_options
from tests.maml_core.datasets.layout import drawing, png
from tests.maml_core.forks import Forked
from tests.maml_core.helpers import tiny
from tests.maml_core.test_public_names import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


def test_a_run_is_the_engines_bit_for_bit() -> None:
    assert is_run_of(trained("run", steps=60), tiny(), steps=60)


def test_json_is_one_object_and_all_there_is_on_stdout(root: Path) -> None:
    result = maml("train", *TINY, "--steps", "15", "--name", "run", "--json")
    data, run = json.loads(result.stdout), RunStore().load("run")
    assert from_dict(data["config"]) == tiny()
    assert (data["step"], data["status"], data["saved"]) == (15, {"kind": "ok", "sentence": ""}, True)
    assert data["folder"] == str(root / "run")
    assert data["losses"]["training"] == run.records.query_loss[-1]
    assert data["losses"]["held_out_step"] == 14
    assert data["losses"]["held_out_after"] == run.records.held_out_after[-1]
    assert data["seconds"] > 0
    assert result.stderr == ""


def test_a_run_on_a_folder_is_opened_from_elsewhere_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in range(4):
        (tmp_path / "shapes" / f"class {kind}").mkdir(parents=True)
        for number in range(3):
            (tmp_path / "shapes" / f"class {kind}" / f"{number}.png").write_bytes(png(drawing(kind, number)))
    settings = ("--tasks", "folder", "--ways", "2", "--shots", "1", "--num-query", "1", "--evaluation-tasks", "2")
    (tmp_path / "run.json").write_text(json.dumps({"tasks": {"kind": "folder", "folder": "shapes", "ways": 2}}))
    monkeypatch.chdir(tmp_path)
    maml("train", "--folder", "shapes", *settings, "--steps", "1", "--name", "by option")
    maml("train", "--set", "tasks.folder=shapes", *settings, "--steps", "1", "--name", "by set")
    maml("train", "--config", "run.json", *settings[4:], "--steps", "1", "--name", "by file")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in ("by option", "by set", "by file"):
        tasks = RunStore().load(name).config.tasks
        assert isinstance(tasks, FolderConfig)
        assert tasks.folder == str(tmp_path / "shapes")
        maml("evaluate", name, "--tasks", "2")


def test_a_run_without_a_name_gets_one() -> None:
    maml("train", *TINY, "--steps", "3", "--algorithm", "reptile")
    (info,) = RunStore().list()
    assert info.name.startswith("reptile-2")


def test_a_run_can_be_kept_in_any_folder(tmp_path: Path, root: Path) -> None:
    result = maml("train", *TINY, "--steps", "20", "--out", "here/run 1")
    assert "maml evaluate './here/run 1'" in result.stdout
    assert is_run_of(load_run(tmp_path / "here" / "run 1"), tiny())
    assert not root.exists()


def test_a_run_takes_the_place_of_another_only_by_force() -> None:
    first = trained("run")
    assert "there is a run in" in said(maml("train", *TINY, "--name", "run", "--steps", "9", code=2))
    assert RunStore().load("run").saved == first.saved
    assert trained("run", "--force", steps=9).step == 9


def test_saves_on_the_way_change_nothing() -> None:
    assert is_run_of(trained("run", "--save-every", "0", steps=300), tiny(), steps=300)


def test_resuming_equals_one_run() -> None:
    """Trap 15."""
    trained("run", steps=25)
    maml("train", "--resume", "run", "--steps", "60")
    assert is_run_of(RunStore().load("run"), tiny(), steps=60)


def test_resuming_with_other_settings_puts_them_on_the_timeline() -> None:
    trained("run", steps=25)
    maml("train", "--resume", "run", "--steps", "40", "--alpha", "0.05", "--algorithm", "fomaml", "--shots", "4")
    maml("train", "--resume", "run", "--steps", "60", "--set", "beta=0.01", "--clip-norm", "1")
    timeline = (
        Entry(step=25, kind="change", changes={"alpha": 0.05, "order": "first"}),
        Entry(step=40, kind="change", changes={"beta": 0.01, "clip_norm": 1.0}),
    )
    assert is_run_of(RunStore().load("run"), tiny(), timeline, steps=60)


def test_a_run_can_go_on_under_another_name() -> None:
    trained("old", steps=25)
    maml("train", "--resume", "old", "--name", "new", "--steps", "60")
    assert is_run_of(RunStore().load("old"), tiny(), steps=25)
    assert is_run_of(RunStore().load("new"), tiny(), steps=60)


def test_without_steps_a_run_goes_on_for_as_many_as_the_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    trained("run", steps=5)
    module = sys.modules["maml_core.cli.train"]
    assert f"Default: {module.DEFAULT_STEPS} more" in maml("train", "--help").stdout
    monkeypatch.setattr(module, "DEFAULT_STEPS", 12)
    assert json.loads(maml("train", "--resume", "run", "--json").stdout)["step"] == 17


def start_in_background(*arguments: str) -> Forked:
    return Forked(["train", *TINY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path, root: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "run.toml").write_text("[[timeline]]\nstep = 30\nchanges = {alpha = 0.02}\n")
    timeline = (Entry(step=30, kind="change", changes={"alpha": 0.02}),)
    training = start_in_background("--config", "run.toml", "--name", "run", "--steps", "1000000", "--json")
    try:
        deadline = time.monotonic() + 60
        while not (root / "run" / DOCUMENT).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        training.send_signal(number)
        stdout, stderr = training.communicate(timeout=60)
    finally:
        training.kill()
        training.wait()
    assert training.returncode == code, stderr
    step = json.loads(stdout)["step"]
    assert 0 < step < 1_000_000
    assert f" at outer step {step}, and saved. Go on with: maml train --resume run --steps 1000000" in stderr
    assert is_run_of(RunStore().load("run"), tiny(), timeline, steps=step)

    maml("train", "--resume", "run", "--steps", str(step + 40), "--beta", "0.0005")
    timeline += (Entry(step=step, kind="change", changes={"beta": 0.0005}),)
    assert is_run_of(RunStore().load("run"), tiny(), timeline, steps=step + 40)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (WILD, "Go on with a change, for example: maml train --resume wild --steps 60 --alpha ..."),
        (
            [*TINY, "--beta", "50", "--outer-optimizer", "sgd"],
            "Go on with a change, for example: maml train --resume wild --steps 60 --beta ...",
        ),
        (
            with_options(TINY, "--x", "0,0", "--activation", "relu"),
            "It cannot go on like this: train a new one with such a change",
        ),
    ],
    ids=["alpha", "beta", "inputs"],
)
def test_the_way_on_from_a_run_that_stopped_names_its_cause_and_the_steps_that_were_asked_for(
    arguments: list[str], words: str
) -> None:
    assert words in said(maml("train", *arguments, "--name", "wild", "--steps", "60", code=3))


def test_a_change_that_training_does_not_reach_is_refused(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[[timeline]]\nstep = 5\nchanges = { alpha = 0.02 }\n")
    for steps in ("3", "5"):
        result = maml("train", *TINY, "--config", str(path), "--steps", steps, "--name", "run", code=2)
        assert f"timeline[0].step = 5 is not accepted: an outer step below {steps}" in said(result)
        assert "give --steps above 5" in said(result)
    assert not root.exists()
    maml("train", *TINY, "--config", str(path), "--steps", "6", "--name", "run")
    assert RunStore().load("run").config.alpha == 0.02


def test_a_run_without_a_name_is_not_the_folder_one_is_in() -> None:
    for command in (["train", "--resume", ""], ["evaluate", " "], ["runs", "show", ""]):
        assert "run = '" in said(maml(*command, code=2))


def test_the_name_of_a_run_that_is_not_there_is_answered_with_what_was_meant() -> None:
    trained("by-steps", steps=1)
    commands = (["show"], ["export", "--csv"], ["rename", "new"], ["delete", "--yes"])
    for command, *others in commands:
        assert "did you mean 'by-steps'?" in said(maml("runs", command, "by-step", *others, code=2))
    assert "did you mean 'by-steps'?" in said(maml("evaluate", "by-step", code=2))


def test_a_diverged_run_is_saved_and_goes_on_with_a_change() -> None:
    result = maml("train", *WILD, "--name", "wild", "--steps", "60", "--json", code=3)
    run = RunStore().load("wild")
    assert run.status.kind == json.loads(result.stdout)["status"]["kind"] == "diverged"
    assert run.status.sentence in result.stderr
    assert f"diverged after {run.step} outer step" in result.stderr
    assert f"at outer step {run.records.steps[-1]} " in run.status.sentence
    assert "maml train --resume wild" in result.stderr
    step = run.step
    maml("train", "--resume", "wild", "--alpha", "0.001", "-N", "1", "--steps", "60")
    timeline = (
        Entry(step=step, kind="change", changes={"alpha": 0.001, "num_inner_steps": 1}),
        Entry(step=step, kind="resume"),
    )
    assert is_run_of(RunStore().load("wild"), run.start, timeline, steps=60)


def test_losses_that_are_not_finite_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    run = trained("run")
    records = run.records._replace(
        query_loss=np.full_like(run.records.query_loss, np.nan),
        held_out_after=np.full_like(run.records.held_out_after, np.inf),
    )
    print_report(dataclasses.replace(run, records=records), Path("run"), saved=False, options="")
    text = capsys.readouterr().out
    assert "Training loss not finite." in text
    assert "before adaptation and not finite after N steps" in text


def test_the_progress_bar_shows_on_a_terminal_and_only_there(root: Path) -> None:
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    ours, theirs = pty.openpty()
    seen = []
    with subprocess.Popen(
        [*MAML, "train", *TINY, "--name", "run", "--steps", "400", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "150"},
    ) as training:
        os.close(theirs)
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            seen.append(data)
        assert training.stdout is not None
        stdout = training.stdout.read()
    os.close(ours)
    text = b"".join(seen).decode()
    assert json.loads(stdout)["step"] == 400
    for part in ("400/400", "training loss", "held-out after N", "steps/s"):
        assert part in text
    assert maml("train", *TINY, "--name", "quiet", "--steps", "9").stderr == ""


@pytest.mark.usefixtures("omniglot")
def test_a_run_of_images_says_its_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.loads(maml("train", *SMALL_IMAGES, "--name", "run", "--steps", "5", "--json").stdout)
    records = RunStore().load("run").records
    training, before, after = (
        float(values[-1])
        for values in (records.accuracy, records.held_out_accuracy_before, records.held_out_accuracy_after)
    )
    assert data["accuracies"] == {"training": training, "held_out_before": before, "held_out_after": after}
    text = maml("train", "--resume", "run", "--steps", "6").stdout
    assert f", {percent(RunStore().load('run').records.accuracy[-1])} right." in text
    held_out = f"{percent(before)} before adaptation and {percent(after)} after N steps"
    assert f"Held-out accuracy {held_out}." in text
    assert f"held-out accuracy: {held_out.replace(' and', ',')}" in maml("runs", "show", "run").stdout
    monkeypatch.setenv("COLUMNS", "120")
    bar = TrainingBar(0, 5)
    bar.show(5, records)
    shown = bar._progress.tasks[0].fields["said"]
    assert (
        f"({percent(training)} right), held-out after N {records.held_out_after[-1]:.3g} ({percent(after)} right)"
        in shown
    )


def test_a_run_of_numbers_has_no_accuracy() -> None:
    data = json.loads(maml("train", *TINY, "--name", "run", "--steps", "5", "--json").stdout)
    assert "accuracies" not in data
    bar = TrainingBar(0, 5)
    bar.show(5, RunStore().load("run").records)
    assert "right" not in bar._progress.tasks[0].fields["said"]
    assert "right" not in maml("train", "--resume", "run", "--steps", "6").stdout
