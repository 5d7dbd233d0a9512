"""The command line: what it prints, what it keeps, how it ends, and that it never shows a traceback."""

from __future__ import annotations

import csv
import dataclasses
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
import typing
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.cli.console import percent
from maml_core.cli.fields import Option, options
from maml_core.cli.progress import TrainingBar
from maml_core.config import (
    FolderConfig,
    LinearConfig,
    MLPConfig,
    RunConfig,
    SinusoidConfig,
    from_dict,
    replace,
    to_dict,
)
from maml_core.evaluation import evaluate, in_groups, summarize, together
from maml_core.presets import PRESETS
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Entry
from maml_core.rng import Stream
from maml_core.runs import replay, rule
from maml_core.storage import state_from_bytes, state_to_bytes
from maml_core.store import DOCUMENT, RunStore, SavedRun, load_run, save_run
from maml_core.store import folder as folder_module
from tests.maml_core.datasets.layout import drawing, official, png
from tests.maml_core.helpers import same, tiny
from tests.maml_core.test_public_names import ROOT, run_fresh

TINY = [
    *("--hidden-widths", "6,5", "--activation", "tanh", "--meta-batch-size", "3", "--shots", "4", "--num-query", "5"),
    *("--evaluation-tasks", "4", "--evaluation-steps", "3", "--evaluate-every", "7", "--dtype", "float64"),
]
MAML = [sys.executable, "-c", "from maml_core.cli import main; main()"]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs of this test are kept."""
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def maml(*arguments: str, code: int = 0, input: str | None = None) -> Result:
    """Run a command in this process, expecting this exit code and no traceback."""
    result = CliRunner().invoke(app, list(arguments), input=input)
    assert result.exit_code == code, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def trained(name: str, *arguments: str, steps: int = 20, code: int = 0) -> SavedRun:
    maml("train", *TINY, "--name", name, "--steps", str(steps), *arguments, code=code)
    return RunStore().load(name)


def is_run_of(run: SavedRun, start: RunConfig, timeline: tuple[Entry, ...] = (), steps: int = 20) -> bool:
    """Whether a saved run is this one, bit for bit."""
    config, state, records = replay(start, timeline, num_steps=steps)
    return same(
        (run.start, run.config, run.timeline, run.step, run.state, run.records),
        (start, config, timeline, steps, state_to_bytes(state), records),
    )


def said(result: Result) -> str:
    """Everything on stderr as one line."""
    return " ".join(result.stderr.split())


def shown(value: Any) -> str:
    """The id of a case: its arguments, not what is expected of it."""
    return " ".join(value) if isinstance(value, list) else ""


# --- Set-ups ----------------------------------------------------------------------------------------------------------


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
        nested = [member for member in (typing.get_args(hint) or (hint,)) if dataclasses.is_dataclass(member)]
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
    if typing.get_origin(option.hint) is tuple:
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
    "--difficulty": ["--tasks", "glyphs"],
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


# --- Training ---------------------------------------------------------------------------------------------------------


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
    assert "maml evaluate 'here/run 1'" in result.stdout
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


def start_in_background(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MAML, "train", *TINY, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


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


WILD = ["--alpha", "1", "-N", "20", "--activation", "relu", "--hidden-widths", "40,40", "--dtype", "float32"]


def test_a_diverged_run_is_saved_and_goes_on_with_a_change() -> None:
    result = maml("train", *TINY, *WILD, "--name", "wild", "--steps", "60", "--json", code=3)
    run = RunStore().load("wild")
    assert run.status.kind == json.loads(result.stdout)["status"]["kind"] == "diverged"
    assert run.status.sentence in result.stderr
    assert "maml train --resume wild" in result.stderr
    step = run.step
    maml("train", "--resume", "wild", "--alpha", "0.001", "-N", "1", "--steps", "60")
    timeline = (
        Entry(step=step, kind="change", changes={"alpha": 0.001, "num_inner_steps": 1}),
        Entry(step=step, kind="resume"),
    )
    assert is_run_of(RunStore().load("wild"), run.start, timeline, steps=60)


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


SMALL_IMAGES = [
    *("--tasks", "omniglot", "--split", "background", "--ways", "3", "--model", "conv", "--num-filters", "4"),
    *("--shots", "1", "--num-query", "2", "--meta-batch-size", "2", "--evaluation-tasks", "4", "--evaluate-every", "3"),
]


@pytest.fixture
def omniglot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small Omniglot: three alphabets, one to train on and one for each split that is held out."""
    monkeypatch.setenv("MAML_OMNIGLOT", str(official(tmp_path / "files", ("images_background",), characters=5)))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))


@pytest.mark.usefixtures("omniglot")
def test_a_run_of_images_says_its_accuracy() -> None:
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
    bar = TrainingBar(0, 5)
    bar.show(5, records)
    shown = bar._progress.tasks[0].fields["losses"]
    assert (
        f"({percent(training)} right), held-out after N {records.held_out_after[-1]:.3g} ({percent(after)} right)"
        in shown
    )


def test_a_run_of_numbers_has_no_accuracy() -> None:
    data = json.loads(maml("train", *TINY, "--name", "run", "--steps", "5", "--json").stdout)
    assert "accuracies" not in data
    bar = TrainingBar(0, 5)
    bar.show(5, RunStore().load("run").records)
    assert "right" not in bar._progress.tasks[0].fields["losses"]
    assert "right" not in maml("train", "--resume", "run", "--steps", "6").stdout


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algorithm", "sgd"], "algorithm = 'sgd' is not accepted: one of maml, anil"),
        (["--algorithm", "reptile", "--multi-step-loss"], "reptile does not differentiate through inner steps"),
        (["--algorithm", "fomaml", "--order", "second"], "fomaml is maml with order first"),
        (["-N", "-1"], "num_inner_steps = -1 is not accepted: a finite number from 0 to 50"),
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
        (["--preset", "nothing"], "preset = 'nothing' is not accepted: one of 'Fast demo'"),
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
            "learning_rate = 0.1 is not accepted: no such field; the fields are tasks, model",
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


def damage(folder: Path) -> None:
    state = next(folder.glob("state-*"))
    state.write_bytes(state.read_bytes()[:-1])


def another_model(folder: Path) -> None:
    run = load_run(folder)
    other = replace(run.start, {"model": MLPConfig(hidden_widths=(3,))})
    save_run(folder, dataclasses.replace(run, start=other, config=other))


def newer(folder: Path) -> None:
    document = folder / DOCUMENT
    document.write_text(document.read_text().replace('"version": 1', '"version": 2'))


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
        (["train", "--alpha", "-1"], 2),
        (["train", "--bogus"], 2),
        (["evaluate", "nothing"], 2),
        (["runs", "delete", "nothing", "--yes"], 2),
        (["runs", "show", "."], 2),
        (["train", *TINY, *WILD, "--steps", "9"], 3),
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


# --- Evaluating -------------------------------------------------------------------------------------------------------


def summary_of(run: SavedRun, **changes: Any) -> Any:
    config = replace(run.config, changes)
    problem, state = build_problem(config), state_from_bytes(run.state)
    how = rule(config, problem, state.meta)
    tasks = held_out_tasks(config, problem)
    return summarize(
        evaluate(state.meta.theta, tasks, problem=problem, num_steps=config.evaluation_steps, **how._asdict())
    )


@pytest.mark.parametrize(
    "switches",
    [
        ["--per-step-rates"],
        ["--algorithm", "meta_curvature"],
        ["--batch-norm", "--batch-norm-treatment", "running", "--per-step-statistics"],
    ],
    ids=shown,
)
def test_an_evaluation_is_the_engines(switches: list[str]) -> None:
    run = trained("run", "-N", "2", *switches)
    arguments = ["--tasks", "700", "--shots", "3", "--shots", "8", "--eval-steps", "5", "--seed", "9", "--json"]
    data = json.loads(maml("evaluate", "run", *arguments).stdout)
    assert (data["step"], data["tasks"], data["seed"], data["algorithm"]) == (20, 700, 9, run.config.algorithm)
    assert [result["shots"] for result in data["results"]] == [3, 8]
    for result in data["results"]:
        expected = summary_of(
            run, shots=result["shots"], evaluation_tasks=700, evaluation_seed=9, evaluation_steps=5
        )._asdict()
        assert set(result) == {"shots"} | {name for name, values in expected.items() if values is not None}
        for name in set(result) - {"shots"}:
            np.testing.assert_allclose(result[name], expected[name], rtol=1e-12)


@pytest.mark.usefixtures("omniglot")
@pytest.mark.parametrize("split", ["meta_validation", "meta_test"])
def test_classes_are_held_out_for_validation_and_for_the_test(split: str) -> None:
    maml("train", *SMALL_IMAGES, "--name", "run", "--steps", "5")
    run = RunStore().load("run")
    arguments = ["evaluate", "run", "--tasks", "70", "--eval-steps", "2", "--split", split]
    data = json.loads(maml(*arguments, "--json").stdout)
    assert (data["split"], data["tasks"]) == (split, 70)
    config = replace(run.config, {"evaluation_tasks": 70, "evaluation_steps": 2})
    problem, state = build_problem(config), state_from_bytes(run.state)
    stream = {"meta_validation": Stream.HELD_OUT_TASKS, "meta_test": Stream.TEST_TASKS}[split]
    groups = list(in_groups(config, problem, stream=stream))
    assert [len(group.parameters) for group in groups] == [50, 20]
    how = rule(config, problem, state.meta)._asdict()
    expected = summarize(
        together([evaluate(state.meta.theta, group, problem=problem, num_steps=2, **how) for group in groups])
    )._asdict()
    for name in ("mean", "accuracy", "accuracy_ci95"):
        np.testing.assert_allclose(data["results"][0][name], expected[name], rtol=1e-6)
    text = maml(*arguments).stdout
    assert f"70 held-out tasks of {split}" in text
    for share, ci95 in zip(expected["accuracy"], expected["accuracy_ci95"]):
        assert f"{percent(share)} ± {percent(ci95)}" in text


def test_an_evaluation_takes_the_runs_own_shots_and_seed() -> None:
    run = trained("run", "--evaluation-seed", "5")
    data = json.loads(maml("evaluate", "run", "--tasks", "30", "--json").stdout)
    assert data["results"][0]["shots"] == 4
    expected = summary_of(run, evaluation_tasks=30, evaluation_steps=10)
    np.testing.assert_allclose(data["results"][0]["mean"], expected.mean, rtol=1e-12)


def test_the_table_says_everything() -> None:
    run = trained("run")
    text = maml("evaluate", "run", "--tasks", "30", "--shots", "2", "--eval-steps", "2").stdout
    expected = summary_of(run, shots=2, evaluation_tasks=30, evaluation_steps=2)
    assert "2 shots (trained at 4)" in text
    for mean, ci95, median in zip(expected.mean, expected.ci95, expected.median):
        assert f"{mean:.4f} ± {ci95:.4f}" in text
        assert f"{median:.4f}" in text
    for word in ("inner step", "median", "diverged", "30 held-out tasks"):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "every inner step uses alpha = 0.01, those beyond N too"),
        (
            ["--per-step-rates"],
            "each inner step uses its own learned rates; further steps repeat the last step's rates",
        ),
        (["--algorithm", "meta_sgd"], "every inner step uses the one learned rate of each parameter"),
        (["--algorithm", "meta_curvature"], "every inner step uses the learned matrices and alpha = 0.01"),
        (["--batch-norm", "--per-step-norm"], "further steps repeat the last step's batch-norm scales and shifts"),
    ],
    ids=["alpha", "rates", "meta_sgd", "meta_curvature", "batch_norm"],
)
def test_the_rule_beyond_the_trained_steps_is_said(arguments: list[str], rule: str) -> None:
    trained("run", *arguments)
    assert rule in " ".join(maml("evaluate", "run", "--tasks", "5").stdout.split())
    assert rule in json.loads(maml("evaluate", "run", "--tasks", "5", "--json").stdout)["rule"]


def test_a_loss_beyond_all_bounds_is_null_in_json() -> None:
    trained("wild", *WILD, code=3)
    data = json.loads(maml("evaluate", "wild", "--tasks", "50", "--eval-steps", "60", "--json").stdout)
    assert data["results"][0]["mean"][-1] is None
    assert data["results"][0]["diverged_share"][-1] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tasks", "1"], "evaluation_tasks = 1 is not accepted"),
        (["--tasks", "-1"], "evaluation_tasks = -1 is not accepted"),
        (["--shots", "0"], "shots = 0 is not accepted"),
        (["--eval-steps", "-1"], "evaluation_steps = -1 is not accepted"),
        (["--seed", "-1"], "evaluation_seed = -1 is not accepted"),
        (["--tasks", "0"], "evaluation_tasks = 0 is not accepted"),
        (["--split", "meta_test"], "split = 'meta_test' is not accepted: the tasks of this run have no classes"),
    ],
    ids=shown,
)
def test_an_evaluation_that_makes_no_sense_is_a_sentence(arguments: list[str], sentence: str) -> None:
    trained("run")
    assert sentence in said(maml("evaluate", "run", *arguments, code=2))


# --- Keeping runs -----------------------------------------------------------------------------------------------------


def test_runs_are_listed() -> None:
    assert "No runs in" in maml("runs", "list").stdout
    assert json.loads(maml("runs", "list", "--json").stdout) == []
    trained("first")
    trained("second", "--algorithm", "reptile", steps=3)
    damage(RunStore().folder("first"))
    text = maml("runs", "list").stdout
    assert "reptile" in text
    assert "first: " in text
    assert "is damaged: it has" in text
    second, first = json.loads(maml("runs", "list", "--json").stdout)
    assert (second["name"], second["step"], second["algorithm"], second["problem"]) == ("second", 3, "reptile", None)
    assert "is damaged" in first["problem"]


def test_another_folder_of_runs_can_be_named(tmp_path: Path) -> None:
    maml("train", *TINY, "--out", "elsewhere/one", "--steps", "5")
    assert [i["name"] for i in json.loads(maml("runs", "list", "--root", "elsewhere", "--json").stdout)] == ["one"]
    assert "outer step 5" in maml("runs", "show", "one", "--root", "elsewhere").stdout
    maml("runs", "rename", "one", "two", "--root", "elsewhere")
    maml("runs", "export", "two", "--zip", "--root", "elsewhere")
    maml("runs", "delete", "two", "--yes", "--root", "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_run_is_shown() -> None:
    trained("run")
    maml("train", "--resume", "run", "--alpha", "0.5", "--steps", "25")
    text = maml("runs", "show", "run").stdout
    for part in ("run: maml, outer step 25, ok", "alpha = 0.5  (at the start 0.01)", "step 20: change {'alpha': 0.5}"):
        assert part in text
    data = json.loads(maml("runs", "show", "run", "--json").stdout)
    assert from_dict(data["start"]) == tiny()
    assert from_dict(data["config"]) == tiny(alpha=0.5)
    assert data["timeline"] == [{"step": 20, "kind": "change", "changes": {"alpha": 0.5}}]
    assert data["versions"]["numpy"] == np.__version__


def test_a_run_is_renamed_and_deleted_when_asked() -> None:
    trained("old")
    trained("other")
    assert "already" in said(maml("runs", "rename", "old", "other", code=2))
    maml("runs", "rename", "old", "new")
    assert "Nothing was deleted" in maml("runs", "delete", "new", code=1, input="n\n").stdout
    assert {info.name for info in RunStore().list()} == {"new", "other"}
    maml("runs", "delete", "new", input="y\n")
    maml("runs", "delete", "other", "--yes")
    assert RunStore().list() == []


def test_a_foreign_folder_is_not_deleted(root: Path) -> None:
    (root / "photos").mkdir(parents=True)
    (root / "photos" / DOCUMENT).write_text("{}")
    maml("runs", "delete", "photos", "--yes", code=4)
    assert (root / "photos" / DOCUMENT).read_text() == "{}"


def test_an_exported_table_holds_every_number() -> None:
    run = trained("run", "--no-joint-baseline", steps=15)
    maml("runs", "export", "run", "--csv")
    rows = list(csv.DictReader(io.StringIO(Path("run.csv").read_text())))
    assert [int(row["outer_step"]) for row in rows] == list(range(15))
    assert [float(row["query_loss"]) for row in rows] == run.records.query_loss.tolist()
    measured = [row for row in rows if row["held_out_after"]]
    assert [int(row["outer_step"]) for row in measured] == run.records.held_out_steps.tolist() == [0, 7, 14]
    assert [float(row["held_out_after"]) for row in measured] == run.records.held_out_after.tolist()
    assert set(rows[0]) == {"outer_step", *run.records._fields} - {"steps", "held_out_steps", "events"}


def test_an_exported_archive_is_the_run(tmp_path: Path) -> None:
    run = trained("run")
    maml("runs", "export", "run", "--zip", "--out", "copy.zip")
    zipfile.ZipFile("copy.zip").extractall(tmp_path / "elsewhere")
    assert same(RunStore(tmp_path / "elsewhere").load("run").state, run.state)


def test_an_exported_script_prints_the_runs_curve() -> None:
    run = trained("run", "--no-joint-baseline", steps=5)
    maml("runs", "export", "run", "--script")
    printed = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, check=True).stdout
    for loss in run.records.query_loss:
        assert f"{loss:.6f}"[:6] in printed


def test_curves_are_exported_for_tensorboard(tmp_path: Path) -> None:
    trained("run")
    found = maml("runs", "export", "run", "--tensorboard", "boards")
    assert "tensorboard --logdir boards" in found.stdout
    assert list((tmp_path / "boards" / "run").iterdir())


def test_an_export_overwrites_only_by_force(tmp_path: Path) -> None:
    trained("run")
    (tmp_path / "run.csv").write_text("mine")
    assert "is there already" in said(maml("runs", "export", "run", "--csv", code=2))
    assert (tmp_path / "run.csv").read_text() == "mine"
    maml("runs", "export", "run", "--csv", "--force")
    assert (tmp_path / "run.csv").read_text().startswith("outer_step")
    assert "say what to write" in said(maml("runs", "export", "run", code=2))
    assert "one file" in said(maml("runs", "export", "run", "--csv", "--zip", "--out", "x", code=2))


def test_training_leaves_the_number_of_threads_at_one() -> None:
    trained("run")
    assert torch.get_num_threads() == 1


def test_a_reproduction_prints_its_table_and_saves_it(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ("--only", "maml", "--steps", "5", "--tasks", "20", "--folder", str(folder))
    found = maml("reproduce", "sinusoid", *arguments)
    assert "| MAML | 10 / 5 |" in found.stdout
    assert "20 test tasks, 5 outer steps, seed 0" in found.stdout
    assert (folder / "table.md").read_text().strip() in found.stdout
    assert load_run(folder / "MAML, 5 shots").step == 5
    rows = json.loads(maml("reproduce", "sinusoid", *arguments, "--json").stdout)
    assert [(row["name"], row["trained_shots"], row["test_shots"]) for row in rows] == [
        ("MAML", 10, 5),
        ("MAML", 10, 10),
        ("MAML", 5, 5),
    ]


def test_omniglot_is_reproduced(tmp_path: Path) -> None:
    """As a command of its own: the workers' environment is that of whoever started them."""
    files = official(tmp_path / "files", ("images_background",), characters=6)
    environment = {"PYTHONPATH": str(ROOT), "MAML_OMNIGLOT": str(files), "MAML_DATA": str(tmp_path / "data")}
    arguments = ["--only", "5-way 1-shot", "--steps", "2", "--tasks", "5"]
    done = subprocess.run(
        [*MAML, "reproduce", "omniglot", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "reproduction" / "omniglot-laptop"
    assert load_run(folder / "5-way 1-shot").step == 2
    for part in (
        "| 5-way 1-shot | 2 | ",
        "6 characters to train on, 6 for validation, 6 for the test, each in four rotations",
        "Published: MAML (Finn et al. 2017); MAML++ (Antoniou et al. 2018, an ensemble of 3); ",
        "The published figures are on characters held out at random",
        "5 test tasks, 2 outer steps, seed 0",
        (folder / "table.md").read_text().strip(),
    ):
        assert part in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "MAML"], "one of 5-way 1-shot, 5-way 5-shot, 20-way 1-shot, 20-way 5-shot"),
        (["--only", "MAML++, 20-way 1-shot"], "one of 5-way 1-shot"),
        (["--split", "alphabets"], "put images_evaluation.zip beside"),
        (["--scale", "desk"], "'desk' is not one of 'laptop',"),
    ],
    ids=shown,
)
@pytest.mark.usefixtures("omniglot")
def test_an_omniglot_reproduction_that_cannot_be_is_refused(arguments: list[str], sentence: str) -> None:
    assert sentence in said(maml("reproduce", "omniglot", *arguments, code=2))
    assert not Path("reproduction").exists()


def test_without_a_gpu_the_processor_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = said(maml("reproduce", "sinusoid", "--device", "cuda", code=2))
    assert "device = 'cuda' is not accepted: PyTorch finds no GPU here" in text


def test_without_omniglot_a_sentence_says_how_to_get_it() -> None:
    assert "maml data omniglot --download" in said(maml("reproduce", "omniglot", code=2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--scale", "paper"), "scale = 'paper' is not accepted: sinusoid has none"),
        (("--split", "random"), "split = 'random' is not accepted: sinusoid has none"),
        (("--only", "mamll"), "one of Random start"),
        (("--steps", "0"), "steps = 0"),
        (("--tasks", "1"), "tasks = 1"),
        (("--workers", "0"), "workers = 0"),
        (("--seed", "-1"), "weights_seed = -1"),
    ],
    ids=str,
)
def test_a_reproduction_that_cannot_be_is_refused_before_it_starts(
    arguments: tuple[str, str], sentence: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert sentence in said(maml("reproduce", "sinusoid", "--folder", str(folder), *arguments, code=2))
    assert not folder.exists()


def test_a_benchmark_prints_its_rows_as_json_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> list[dict[str, float]]:
        print("engine: a table for people")
        return [{"ratio": 9.5}]

    monkeypatch.setattr("tests.benchmarks.engine.main", main)
    result = maml("bench", "engine", "--json")
    assert json.loads(result.stdout) == {"engine": [{"ratio": 9.5}]}
    assert "a table for people" in result.stderr
    assert "a table for people" in maml("bench").stdout
