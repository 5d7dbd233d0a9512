"""`maml sweep` and `maml sweeps`: what they print and keep, how they end, and that a sweep goes on after whatever ended it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.cli.progress import SweepBar
from maml_core.cli.sweep import _budget_words
from maml_core.config import from_dict
from maml_core.sweeps.budget import Budget
from maml_core.sweeps.definition import sweep_from_dict
from maml_core.sweeps.driver import Progress
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.forks import Forked

pytestmark = pytest.mark.slow

TINY = [
    *("--hidden-widths", "6,5", "--activation", "tanh", "--meta-batch-size", "3", "--shots", "4", "--num-query", "5"),
    *("--evaluation-tasks", "4", "--evaluation-steps", "3", "--dtype", "float64", "--workers", "1"),
]
AXES = ["--axis", "alpha=0.01..0.1:log:3", "--axis", "algorithm=maml,fomaml"]
SOON_S = 240.0
"""Much longer than anything here takes, for busy machines."""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sweeps of this test are kept."""
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sweeps"


def maml(*arguments: str, code: int = 0, input: str | None = None) -> Result:
    """Run a command in this process, expecting this exit code and no traceback."""
    result = CliRunner().invoke(app, list(arguments), input=input)
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def swept(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Compute a small sweep; gives its JSON."""
    result = maml("sweep", *arguments, *TINY, "--json", code=code)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_sweep_is_computed_kept_and_read() -> None:
    found = swept(*AXES, "--steps", "12", "--name", "one")
    assert found["num_finished"] == 6
    assert [row["setting"] for row in found["settings"]] == list(range(6))
    assert {row["algorithm"] for row in found["settings"]} == {"maml", "fomaml"}
    assert found["reading"][0].startswith("The best of 6 trainings is alpha = ")
    assert sweep_from_dict(found["sweep"]).num_steps == 12
    with load_sweep("one") as study:
        assert [one.status for one in study.results()] == ["ok"] * 6
        assert len(study.curves()) == 6 * 12
    kept = json.loads(maml("sweeps", "list", "--json").stdout)
    assert [(info["name"], info["num_finished"]) for info in kept] == [("one", 6)]
    shown = json.loads(maml("sweeps", "show", "one", "--json").stdout)
    assert shown["settings"] == found["settings"]


def test_the_budget_is_said_before_and_the_map_after() -> None:
    result = maml("sweep", *AXES, "--steps", "8", "--seeds", "2", *TINY)
    assert "6 settings (3 alpha x 2 algorithm), 2 seeds each; 8 outer steps" in result.stderr
    assert "12 trainings in 2 groups: about " in result.stderr
    assert "ms an outer step of 6 lanes" in result.stderr
    assert "0.0316" in result.stdout
    assert "fomaml" in result.stdout
    assert "settings diverges." in result.stdout


def test_the_same_command_again_computes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    first = swept(*AXES, "--steps", "8", "--name", "one")
    again = swept(*AXES, "--steps", "8", "--name", "one")
    assert again["settings"] == first["settings"]
    assert "about" not in maml("sweep", "--resume", "one", "--workers", "1").stderr


def test_samplers_draw_their_settings() -> None:
    for sampler in ("random", "sobol", "tpe"):
        axes = ("--axis", "alpha=0.01..0.1:log", "--axis", "beta=0.001..0.01:log")
        found = swept(*axes, "--sampler", sampler, "--settings", "4", "--steps", "4", "--name", sampler)
        assert len({(row["alpha"], row["beta"]) for row in found["settings"]}) == 4


def test_a_whole_sweep_in_a_file_with_options_on_top(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(
        'num_steps = 7\nnum_seeds = 3\n[base]\nbeta = 0.02\n[[axes]]\nname = "alpha"\nvalues = [0.01, 0.02]\n'
    )
    asked = sweep_from_dict(json.loads(maml("sweep", "--config", str(file), "--steps", "9", "--dry-run").stdout))
    assert (asked.num_steps, asked.num_seeds, asked.base.beta, asked.axes[0].values) == (9, 3, 0.02, (0.01, 0.02))
    other = maml("sweep", "--config", str(file), "--axis", "N=1,2", "--beta", "0.5", "--dry-run")
    asked = sweep_from_dict(json.loads(other.stdout))
    assert (asked.axes[0].name, len(asked.axes), asked.base.beta) == ("num_inner_steps", 1, 0.5)


def test_settings_of_maml_train_in_a_file_are_the_base(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('beta = 0.02\n[tasks]\nkind = "linear"\n')
    result = maml("sweep", "--config", "run.toml", "--axis", "alpha=0.1,0.2", "--set", "shots=3", "--dry-run")
    base = from_dict(json.loads(result.stdout)["base"])
    assert (base.beta, base.tasks.kind, base.shots) == (0.02, "linear", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give at least one --axis"),
        (["--axis", "alpha="], "at least one value"),
        (["--axis", "alpha=0.1,0.1"], "it is there twice"),
        (["--axis", "alpha=0..1:log:4"], "begins above 0"),
        (["--axis", "alpha=0.001..1:log:10000", "--axis", "beta=0.001..1:log:1000"], "10,000,000 settings"),
        (["--axis", "gamma=1"], "no such field; an axis is one of algorithm, alpha"),
        (["--axis", "alhpa=1,2"], "no such field; did you mean 'alpha'?"),
        (["--axis", "amplitud=1,2"], "no such field; did you mean 'amplitude'?"),
        (["--axis", "alpha=0.1", "--axis", "alpha=0.2"], "one axis a field"),
        (["--axis", "alpha=0.1", "--sampler", "magic"], "one of grid, random, sobol, tpe"),
        (["--axis", "alpha=0.1", "--steps", "0"], "from 1 to 10,000,000"),
        (["--axis", "alpha=0.1", "--name", "a/b"], "1 to 80 letters or digits"),
        (["--axis", "alpha=0.1", "--name", ""], "1 to 80 letters or digits"),
        (["--axis", "alpha=0.1", "--workers", "0"], "from 1 to 61"),
        (["--algorithm", "reptile", "--axis", "order=first"], "no setting of these goes together"),
        (["--resume", "x", "--axis", "alpha=0.1"], "leave all other settings out"),
        (["--resume", "nothing"], "there is no sweep nothing"),
        (["--axis", "alpha=0.1", "--scheduler", "nowhere"], "tcp://HOST:PORT"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_starts(arguments: list[str], words: str, root: Path) -> None:
    result = maml("sweep", *arguments, code=2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(root.glob("*/*"))


def test_another_sweep_of_this_name_is_refused() -> None:
    swept(*AXES, "--steps", "4", "--name", "one")
    result = maml("sweep", "--axis", "alpha=0.1,0.2", "--name", "one", "--workers", "1", code=2)
    assert "another sweep" in result.stderr
    assert "choose another name" in result.stderr


def test_an_unreachable_database_is_said_before_anything_starts() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://me:secret@127.0.0.1:{free.getsockname()[1]}/x"
    result = maml("sweep", "--axis", "alpha=0.1,0.2", "--storage", url, "--workers", "1", code=4)
    assert "cannot be reached" in result.stderr
    assert "secret" not in result.output


def test_a_kept_sweep_is_read_by_map_scores_pairs_and_seeds() -> None:
    swept(*AXES, "--steps", "12", "--seeds", "3", "--name", "three")
    sliced = maml("sweeps", "show", "three", "--slice", "algorithm=fomaml").stdout
    assert "loss of algorithm=fomaml after N inner steps" in " ".join(sliced.split())
    assert "\nOf the whole sweep: " in sliced
    text = maml("sweeps", "show", "three", "--x", "algorithm", "--y", "alpha").stdout
    assert "Of the whole sweep" not in text
    assert "alpha \\ algorithm" in text
    assert text.count("*") == 2  # the best cell, and what the title says of it
    seen = json.loads(maml("sweeps", "show", "three", "--slice", "algorithm=fomaml", "--json").stdout)["map"]
    assert (seen["x"], seen["number"]) == ("alpha", [[1, 3, 5]])
    for options, words in (
        (("--x", "gamma"), "an axis of this sweep: alpha, algorithm"),
        (("--slice", "algorithm=anil"), "maml, fomaml"),
        (("--x", "alpha", "--y", "alpha"), "alpha cannot be both axes of a map"),
    ):
        assert words in " ".join(maml("sweeps", "show", "three", *options, code=2).output.split())
    text = maml("sweeps", "scores", "three").stdout
    assert "Sensitivity to alpha: loss " in text
    assert "over 3 seeds)" in text
    found = json.loads(maml("sweeps", "scores", "three", "--json").stdout)
    assert found["rates"][0]["cost"]["low"] <= found["rates"][0]["cost"]["value"] <= found["rates"][0]["cost"]["high"]
    assert found["tuning"]["num_tried"] == [1, 2, 4, 6]

    text = maml("sweeps", "importance", "three").stdout
    assert "From 6 settings with 3 seeds each. The best tenth are fewer than 3" in " ".join(text.split())
    assert "of the best tenth" not in text  # a column of nothing
    found = json.loads(maml("sweeps", "importance", "three", "--json").stdout)
    assert [axis["axis"] for axis in found["axes"]] == ["alpha", "algorithm"]
    assert all(axis["share"]["low"] <= axis["share"]["value"] <= axis["share"]["high"] for axis in found["axes"])
    assert all(sentence in " ".join(text.split()) for sentence in found["reading"])

    maml("sweeps", "figure", "three", "--x", "algorithm", "--out", "map.svg")
    assert b"three" in Path("map.svg").read_bytes()
    for options, words in (
        (("--out", "map.gif"), ".svg, .png, .pdf or .html"),
        (("--out", "a.svg", "--kind", "bars"), "one of map, curves, importance, tuning"),
        (("--out", "a.svg", "--kind", "tuning", "--x", "alpha"), "they choose its axes"),
    ):
        assert words in " ".join(maml("sweeps", "figure", "three", *options, code=2).output.split())
    assert "is there already" in maml("sweeps", "figure", "three", "--out", "map.svg", code=2).output

    pair = json.loads(maml("sweeps", "compare", "three", "0", "4", "--json").stdout)
    assert (pair["num_tasks"], pair["num_seeds"]) == (4, 3)
    text = maml("sweeps", "compare", "three", "0", "4").stdout
    assert text.startswith("0: alpha = 0.01, algorithm = maml: held-out loss ")
    assert "over 4 tasks in common, paired." in text
    assert "a number from 0 to 5" in maml("sweeps", "compare", "three", "0", "9", code=2).output
    swept("--axis", "noise_std=0,1", "--steps", "4", "--seeds", "2", "--name", "exams")
    text = maml("sweeps", "compare", "exams", "0", "1").stdout
    assert "They differ in noise_std and are judged on other held-out tasks" in text
    assert "better" not in text
    assert "no best of all to score them by" in maml("sweeps", "scores", "exams").stdout
    assert "best, ×" not in maml("sweeps", "show", "exams").stdout  # no star either
    maml("sweeps", "figure", "exams", "--out", "exams.svg")
    swept("--axis", "alpha=0.01,0.1", "--axis", "noise_std=0,1", "--steps", "4", "--name", "hidden")
    assert "best, ×" not in maml("sweeps", "show", "hidden", "--x", "alpha").stdout  # the lowest over both noises
    assert "best, ×" in maml("sweeps", "show", "hidden", "--x", "alpha", "--slice", "noise_std=1").stdout
    maml("sweeps", "figure", "hidden", "--x", "alpha", "--out", "hidden.svg")
    described = Path("hidden.svg").read_text(encoding="utf-8")
    assert "each cell has the lowest, or the value that was chosen" in described
    with load_sweep("three") as study:
        lanes = study.frame(by_seed=True)
        by_task = [[lane.by_task for lane in one.lanes] for one in study.results()]
    assert lanes[["setting", "seed"]].to_numpy().tolist() == [[n, seed] for n in range(6) for seed in range(3)]
    assert list(lanes.columns[:4]) == ["setting", "alpha", "algorithm", "seed"]
    assert [[len(values) for values in one] for one in by_task] == [[4] * 3] * 6
    # The difference by hand, from the tasks' own losses.
    by_hand = (sum(by_task[4]) - sum(by_task[0])).mean() / 3
    assert abs(pair["difference"] - by_hand) < 1e-6
    losses = lanes.set_index(["setting", "seed"]).loss
    assert abs(pair["difference"] - (losses[4].mean() - losses[0].mean())) < 1e-5
    taken = maml("sweeps", "export", "three", "--csv", "--seeds", "--out", "both.csv", code=2)
    assert "it names one file; export one kind at a time" in " ".join(taken.output.split())
    maml("sweeps", "export", "three", "--seeds")
    assert len(Path("three-seeds.csv").read_text().splitlines()) == 19


def test_sweeps_are_shown_exported_and_deleted(root: Path) -> None:
    swept(*AXES, "--steps", "4", "--name", "one")
    assert "6 of 6 settings are finished" in maml("sweeps", "show", "one").stdout
    maml("sweeps", "export", "one", "--csv", "--curves")
    lines = Path("one.csv").read_text().splitlines()
    assert lines[0].startswith("setting,alpha,algorithm,status,value,ci95")
    assert len(lines) == 7
    assert len(Path("one-curves.csv").read_text().splitlines()) == 1 + 6 * 4
    assert "there already" in maml("sweeps", "export", "one", "--csv", code=2).stderr
    assert "one is now called two." in maml("sweeps", "rename", "one", "two").stdout
    assert "6 of 6 settings are finished" in maml("sweeps", "show", "two").stdout
    assert "there is no sweep one" in maml("sweeps", "show", "one", code=2).stderr
    maml("sweeps", "rename", "two", "one")
    assert "say what to write" in maml("sweeps", "export", "one", code=2).stderr
    assert "Nothing was deleted" in maml("sweeps", "delete", "one", input="n\n").stdout
    maml("sweeps", "delete", "one", "--yes")
    assert "No sweeps" in maml("sweeps", "list").stdout
    assert not (root / "one").exists()


def _started(name: str) -> Forked:
    """A sweep of five groups, one after the other, in a process of its own."""
    axes = ("--axis", "alpha=0.01,0.02", "--axis", "N=1,2,3,4,5")
    return Forked(["sweep", *axes, *TINY, "--steps", "200", "--name", name], stderr=subprocess.PIPE)


def _num_finished(name: str, root: Path) -> int:
    if not (root / name / "study.log").exists():
        return 0
    try:
        with load_sweep(name) as study:
            return sum(one.is_done for one in study.results())
    except Exception:  # it is being made at this moment
        return 0


def _wait_for_some(name: str, root: Path, process: Forked) -> int:
    deadline = time.monotonic() + SOON_S
    while (count := _num_finished(name, root)) < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return count


def _each_setting_once(name: str, root: Path) -> None:
    backend = optuna.storages.journal.JournalFileBackend(str(root / name / "study.log"))
    study = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))
    complete = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert Counter(trial.user_attrs["setting"] for trial in complete) == Counter(range(10))
    assert len(study.trials) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.thorough),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.thorough),
        (signal.SIGKILL, -9),
    ],
)
def test_a_sweep_that_was_ended_goes_on_without_losing_or_repeating_a_setting(
    number: signal.Signals, code: int, root: Path
) -> None:
    process = _started("long")
    count = _wait_for_some("long", root, process)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == code
    if number != signal.SIGKILL:
        assert "maml sweep --resume long" in said
        assert "Traceback" not in said
    with load_sweep("long") as study:
        before = {one.number: one.value for one in study.results() if one.is_done}
    assert count <= len(before) < 10
    found = json.loads(maml("sweep", "--resume", "long", "--workers", "1", "--json").stdout)
    assert found["num_finished"] == 10
    after = {row["setting"]: row["value"] for row in found["settings"]}
    assert {number: after[number] for number in before} == before
    _each_setting_once("long", root)


def test_the_bar_shows_settings_steps_and_what_left() -> None:
    with SweepBar() as bar:
        bar.show(Progress(64, 10, 3, 1, 0, 5000, 7000))
        task = bar._progress.tasks[0]
        assert task.fields["settings"] == "settings 14/64 (3 diverged, 1 pruned)"
        assert (task.completed, task.total) == (5000, 12000)
        bar.show(Progress(64, 10, 3, 1, 2, 5000, 7000))
        assert task.fields["settings"] == "settings 14/64 (3 diverged, 1 pruned, 2 left out)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--settings", "10"], "settings = 10 is not accepted: a grid computes all combinations"),
        (["--sampler-seed", "3"], "sampler_seed = 3 is not accepted: a grid computes all combinations"),
        (["--alpha", "0.5"], "alpha = 0.5 is not accepted: it is an axis of the sweep as well"),
        (["--set", "alpha=0.5"], "alpha = 0.5 is not accepted: it is an axis of the sweep as well"),
        (["--prune", "0.5", "--rungs", "1"], "prune = 0.5 is not accepted: 0 with a single rung"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(arguments: list[str], words: str) -> None:
    assert words in maml("sweep", "--axis", "alpha=0.1,0.2", *arguments, "--dry-run", code=2).output


@pytest.mark.parametrize("option", [["--noise-std", "0.5"], ["--set", "tasks.noise_std=0.5"]])
def test_an_axis_of_the_tasks_is_not_set_beside_it(option: list[str]) -> None:
    said = maml("sweep", "--axis", "noise_std=0.1,0.2", *option, "--dry-run", code=2).output
    assert "tasks.noise_std = 0.5 is not accepted: it is an axis of the sweep as well" in said


def test_an_axis_of_widths_keeps_the_number_of_layers() -> None:
    said = maml("sweep", "--axis", "width=16,32", "--hidden-widths", "8,8,8", "--dry-run").stdout
    assert json.loads(said)["base"]["model"]["hidden_widths"] == [8, 8, 8]


def test_a_dry_run_of_a_kept_sweep_says_what_it_is_and_computes_nothing() -> None:
    asked = sweep_from_dict(json.loads(maml("sweep", *AXES, "--steps", "2", "--dry-run").stdout))
    open_study(asked, "one").close()
    again = json.loads(maml("sweep", "--resume", "one", "--dry-run").stdout)
    assert sweep_from_dict(again) == asked
    with load_sweep("one") as study:
        assert not any(one.is_done for one in study.results())


def test_the_budget_says_what_goes_into_compiling() -> None:
    need = Budget(64, 64, 1, 32, 0.025, 300.0, 180.0, compiling_s=24.0)
    assert _budget_words(need, 2) == (
        "64 trainings: about 3 minutes with 2 at work, compiling in the first 24 s (25 ms an outer step of 32 lanes)"
    )
    assert "compiling" not in _budget_words(need._replace(compiling_s=0.0), 2)
