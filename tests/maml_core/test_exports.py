"""What leaves the house: CSV and event files read back, and scripts that print the curve they were made from."""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from maml_core.config import LinearConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.errors import ConfigError
from maml_core.exports.curves import COLUMNS, EVENT_FILE, curves_csv, tag, write_tensorboard
from maml_core.exports.plain_script import _SILENT, _WRITTEN
from maml_core.exports.script import script
from maml_core.records import Entry, Records
from maml_core.runs import replay
from tests.maml_core.helpers import same, tiny

STEPS = 15


class Case(NamedTuple):
    """A run, and how far."""

    config: RunConfig
    timeline: tuple[Entry, ...] = ()
    num_steps: int = STEPS

    @property
    def text(self) -> str:
        return script(self.config, self.timeline, self.num_steps)

    @property
    def losses(self) -> list[float]:
        return [float(loss) for loss in replay(self.config, self.timeline, num_steps=self.num_steps)[2].query_loss]


def changes(step: int, **values: Any) -> Entry:
    return Entry(step=step, kind="change", changes=values)


NOISY_LINEAR = LinearConfig(num_features=3, w_mean=0.5, w_std=0.7, x=(-1.5, 2.0), noise_std=0.3)
RELU = MLPConfig(hidden_widths=(6, 5))
NORMED = MLPConfig(hidden_widths=(6, 5), batch_norm=True)
TIMELINE = (
    changes(9, num_inner_steps=3, beta=0.02),
    changes(2, alpha=0.05),
    changes(9, alpha=0.03),
    changes(4, order="first", shots=6, num_query=3),
    changes(11, outer_optimizer="sgd", clip_norm=0.5),
    changes(11, num_query=4),
    changes(6, meta_batch_size=5),
    changes(0, alpha=0.02),
    changes(13, outer_optimizer="adam", order="second", clip_norm=None),
)
PLAIN = {
    "the paper's": Case(RunConfig(dtype="float64", evaluation_tasks=2, joint_baseline=False)),
    "three steps": Case(tiny(num_inner_steps=3, alpha=0.05)),
    "first order": Case(tiny(num_inner_steps=3, alpha=0.05, order="first")),
    "first order, one step, relu": Case(tiny(model=RELU, alpha=0.05, order="first")),
    "no inner step": Case(tiny(num_inner_steps=0)),
    "no bias": Case(tiny(model=MLPConfig(hidden_widths=(6, 5), activation="tanh", use_bias=False), alpha=0.05)),
    "affine": Case(tiny(model=MLPConfig(hidden_widths=()), alpha=0.02)),
    "linear, noisy": Case(tiny(tasks=NOISY_LINEAR, model=MLPConfig(hidden_widths=(), use_bias=False), alpha=0.1)),
    "linear, noisy, relu, three steps": Case(tiny(tasks=NOISY_LINEAR, model=RELU, alpha=0.1, num_inner_steps=3)),
    "sinusoid, noisy, gelu": Case(
        tiny(
            tasks=SinusoidConfig(amplitude=(1.0, 2.0), phase_rad=(-1.0, 0.5), x=(-2.0, 3.0), noise_std=0.2),
            model=MLPConfig(hidden_widths=(4,), activation="gelu"),
        )
    ),
    "held-out tasks apart": Case(
        tiny(tasks=SinusoidConfig(test_amplitude=(5.0, 6.0), test_phase_rad=(4.0, 5.0), test_x=(5.0, 6.0)))
    ),
    "sinusoids of several frequencies": Case(tiny(tasks=SinusoidConfig(frequency=(0.5, 2.0)), num_training_tasks=5)),
    "softplus": Case(tiny(model=MLPConfig(hidden_widths=(4, 4, 4), activation="softplus"))),
    "sgd": Case(tiny(outer_optimizer="sgd", beta=0.02)),
    "adam's own numbers": Case(tiny(adam_betas=(0.8, 0.95), adam_eps=1e-3, beta=0.01)),
    "clipped": Case(tiny(clip_norm=0.3, outer_optimizer="sgd", beta=0.05)),
    "settings that are not of training": Case(
        tiny(evaluation_seed=5, recompute=True, joint_baseline=False, epoch_steps=3, proximal=9.0)
    ),
    "three different tasks": Case(tiny(num_training_tasks=3, alpha=0.05)),
    "four different noisy lines": Case(tiny(num_training_tasks=4, tasks=NOISY_LINEAR, model=RELU)),
    "other seeds": Case(tiny(weights_seed=3, tasks_seed=2**31 - 1)),
    "one change": Case(tiny(), (changes(5, alpha=0.1),)),
    "changed often": Case(tiny(), TIMELINE),
    "two optimizers in one step": Case(
        tiny(beta=0.02), (changes(5, outer_optimizer="sgd"), changes(5, outer_optimizer="adam"))
    ),
    "only the optimizer": Case(tiny(outer_optimizer="sgd", beta=0.02), (changes(7, outer_optimizer="adam"),)),
}
SINGLE = Case(tiny(dtype="float32", num_inner_steps=3, alpha=0.05))
DIVERGING = tiny(outer_optimizer="sgd", beta=50.0, alpha=0.001)

CALLING = {
    "anil": Case(tiny(algorithm="anil", order="first"), (changes(4, alpha=0.05),)),
    "meta_sgd": Case(tiny(algorithm="meta_sgd", outer_optimizer="sgd", clip_norm=1.0)),
    "reptile": Case(
        tiny(algorithm="reptile", num_inner_steps=4), (changes(0, beta=0.01), changes(6, meta_batch_size=4))
    ),
    "imaml": Case(tiny(algorithm="imaml", num_inner_steps=4, tasks=NOISY_LINEAR, proximal=3.0)),
    "multi_step_loss": Case(tiny(multi_step_loss=True, num_inner_steps=3)),
    "per_step_rates": Case(tiny(per_step_rates=True, tasks=SinusoidConfig(noise_std=0.1))),
    "anneal_order": Case(tiny(anneal_order=True, first_order_epochs=1, epoch_steps=5)),
    "meta_curvature": Case(tiny(algorithm="meta_curvature")),
    "batch norm": Case(tiny(model=NORMED)),
    "zeroed head": Case(tiny(head="zeroed")),
    "batch norm with averages": Case(
        tiny(model=NORMED, batch_norm_treatment="running", per_step_norm=True, per_step_statistics=True)
    ),
    "anneal_beta": Case(tiny(anneal_beta=True, epoch_steps=2, num_epochs=3, final_beta=1e-4)),
}

# Runs each script as a program, with nothing but torch and the standard library within reach.
RUNNER = """
import contextlib, io, json, pathlib, runpy, sys
sys.modules |= {"maml_core": None, "numpy": None}
printed = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(str(path), run_name="__main__")
    printed[path.stem] = out.getvalue()
print(json.dumps(printed))
"""


def run_alone(texts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What each script prints in an interpreter that sees neither this project nor its tests."""
    scripts, empty = folder / "scripts", folder / "empty"
    scripts.mkdir()
    empty.mkdir()
    for at, text in enumerate(texts.values()):
        (scripts / f"{at:03}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER, str(scripts)],
        cwd=empty,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    return {name: printed[f"{at:03}"] for at, name in enumerate(texts)}


@lru_cache(maxsize=1)
def went_back() -> Records:
    """A run that diverges and goes back."""
    _, state, records = replay(DIVERGING, [], num_steps=100)
    assert state.status.kind == "diverged"
    return records


def stopped_scripts() -> dict[str, str]:
    """With the roll-back's note on the timeline, and from an address, which keeps only the resume."""
    note = went_back().events[0]
    lowered, resume = changes(note.step, beta=0.01), Entry(step=note.step, kind="resume")
    timelines = {"waiting": [note], "noted": [note, lowered, resume], "resumed": [lowered, resume]}
    return {name: script(DIVERGING, timeline, 100) for name, timeline in timelines.items()}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    texts = {name: case.text for name, case in PLAIN.items()}
    return run_alone({**texts, "float32": SINGLE.text, **stopped_scripts()}, tmp_path_factory.mktemp("alone"))


def curve(output: str) -> tuple[list[int], list[float]]:
    """Steps and losses; lines that begin with # are for people."""
    rows = [line.split() for line in output.splitlines() if not line.startswith("#")]
    return [int(step) for step, _ in rows], [float(loss) for _, loss in rows]


@pytest.mark.parametrize("name", PLAIN)
def test_a_script_without_maml_core_prints_the_runs_curve(name: str, printed: dict[str, str]) -> None:
    steps, losses = curve(printed[name])
    assert steps == list(range(STEPS))
    assert losses == pytest.approx(PLAIN[name].losses, rel=0.0, abs=1e-9)
    assert len(set(losses)) == STEPS


def test_every_change_of_a_timeline_matters_to_its_curve() -> None:
    """Otherwise a script that forgot one would pass."""
    whole = PLAIN["changed often"].losses
    for left_out in TIMELINE:
        rest = tuple(entry for entry in TIMELINE if entry is not left_out)
        assert PLAIN["changed often"]._replace(timeline=rest).losses != whole, left_out


def test_scripts_without_maml_core_import_torch_and_the_standard_library_only() -> None:
    for case in PLAIN.values():
        nodes = list(ast.walk(ast.parse(case.text)))
        assert not any(isinstance(node, ast.ImportFrom) for node in nodes)
        imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert imported == {"math", "torch"}


def test_in_float32_the_curve_is_the_same_to_rounding(printed: dict[str, str]) -> None:
    _, losses = curve(printed["float32"])
    assert losses == pytest.approx(SINGLE.losses, rel=1e-4)
    assert all(float(np.float32(loss)) == loss for loss in losses)


@pytest.mark.parametrize("name", ["waiting", "noted", "resumed"])
def test_a_script_stops_where_the_run_went_back(name: str, printed: dict[str, str]) -> None:
    steps, losses = curve(printed[name])
    assert steps == went_back().steps.tolist()
    assert losses == pytest.approx(list(went_back().query_loss), rel=1e-6)
    assert printed[name].splitlines()[-1].startswith("# Here the run diverged and went back")


def test_a_roll_back_that_was_not_reached_stops_nothing() -> None:
    note = Entry(step=9, kind="rollback", changes={"to_step": 0})
    assert script(tiny(), [note], 8) == script(tiny(), [], 8)
    assert "went back" in script(tiny(), [note], 9)


def test_only_what_is_needed_appears() -> None:
    """Each word belongs to something that the paper's run has not."""
    plain = PLAIN["the paper's"].text
    words = {
        "clip": PLAIN["clipped"],
        "changes": PLAIN["one change"],
        "second_order": PLAIN["changed often"],
        "restart": PLAIN["only the optimizer"],
        "param_groups": PLAIN["changed often"],
        "SGD": PLAIN["sgd"],
        "betas": PLAIN["adam's own numbers"],
        "eps=": PLAIN["adam's own numbers"],
        "    w = ": PLAIN["linear, noisy"],
        "normal(": PLAIN["linear, noisy"],
        "create_graph=False": PLAIN["first order"],
    }
    for word, case in words.items():
        assert word not in plain, word
        assert word in case.text, word
    assert "torch.sin" in plain
    assert "torch.sin" not in PLAIN["linear, noisy"].text
    assert "zeros" in plain
    assert "zeros" not in PLAIN["no bias"].text
    assert "b1" not in PLAIN["no bias"].text
    assert "relu" not in PLAIN["affine"].text
    assert "param_groups" not in PLAIN["only the optimizer"].text


def test_changes_that_change_nothing_leave_no_trace() -> None:
    assert script(tiny(), [changes(3, alpha=0.01)], STEPS) == script(tiny(), [], STEPS)
    assert script(tiny(), [changes(STEPS, alpha=0.05)], STEPS) == script(tiny(), [], STEPS)


LONG = 0.12345678901234567
EVERYTHING = Case(
    tiny(
        tasks=SinusoidConfig(x=(-LONG, LONG), noise_std=LONG),
        model=MLPConfig(hidden_widths=(1024,) * 8, activation="softplus"),
        adam_betas=(0.95, 0.9999),
        adam_eps=1e-6,
        tasks_seed=2**31 - 1,
        alpha=LONG,
        beta=LONG,
    ),
    (*TIMELINE, Entry(step=STEPS, kind="rollback", changes={"to_step": 0})),
)


def test_scripts_without_maml_core_are_short_enough_to_read() -> None:
    for name, case in PLAIN.items():
        lines = case.text.splitlines()
        random = 45 if "def normal" in case.text else 0
        assert len(lines) <= (115 if case.timeline else 95) + random, name
        assert max(map(len, lines)) <= 100, name
    assert max(map(len, EVERYTHING.text.splitlines())) <= 100


def test_scripts_are_written_as_a_formatter_would(tmp_path: Path) -> None:
    """And have no import or variable too many."""
    for at, case in enumerate([*PLAIN.values(), EVERYTHING]):
        (tmp_path / f"{at}.py").write_text(case.text)
    for command in (["format", "--check", "--line-length=100"], ["check", "--select=F,E,W,I,B", "--ignore=B905,E501"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CALLING)
def test_a_script_that_calls_maml_core_prints_the_same_bits(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CALLING[name]
    path = tmp_path / "run.py"
    path.write_text(case.text)
    found = runpy.run_path(str(path), run_name="__main__")
    assert found["config"] == case.config
    assert curve(capsys.readouterr().out) == (list(range(STEPS)), case.losses)


def test_every_setting_is_written_or_silent_or_left_to_maml_core() -> None:
    """A setting that is new, or misspelt in the lists, shows here."""
    left = {name for name in RunConfig.__dataclass_fields__ if name not in _WRITTEN[RunConfig] | _SILENT}
    assert left == {
        *("tasks", "model", "algorithm", "multi_step_loss", "per_step_rates", "anneal_order", "anneal_beta"),
        *("batch_norm_treatment", "per_step_norm", "per_step_statistics", "head"),
    }
    assert {"batch_norm", "kind"} == set(MLPConfig.__dataclass_fields__) - _WRITTEN[MLPConfig]
    for family in (SinusoidConfig, LinearConfig):
        assert {"kind"} == set(family.__dataclass_fields__) - _WRITTEN[family] - _SILENT


@pytest.mark.parametrize("name", CALLING)
def test_what_the_plain_script_cannot_say_is_left_to_maml_core(name: str) -> None:
    assert "from maml_core import" in CALLING[name].text


def test_a_script_that_calls_maml_core_goes_on_after_a_roll_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny(algorithm="reptile", outer_optimizer="sgd", beta=100.0)
    _, _, records = replay(config, [], num_steps=100)
    stop = records.events[0].step
    path = tmp_path / "run.py"
    path.write_text(script(config, records.events, stop))
    runpy.run_path(str(path))
    stopped = capsys.readouterr().out
    assert curve(stopped)[0] == list(range(stop))
    assert "theta_0 and the optimiser went back to outer step 0" in stopped.splitlines()[-1]
    resumed = (*records.events, changes(stop, beta=0.001), Entry(step=stop, kind="resume"))
    path.write_text(script(config, resumed, stop + 5))
    runpy.run_path(str(path))
    case = Case(config, resumed, stop + 5)
    assert curve(capsys.readouterr().out) == (list(range(stop + 5)), case.losses)


def test_a_timeline_that_no_run_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="tasks_seed"):
        script(tiny(), [changes(3, tasks_seed=1)], STEPS)
    with pytest.raises(ValueError, match="num_steps = -1"):
        script(tiny(), [], -1)


def records_of(**changes: Any) -> Records:
    return replay(tiny(**changes), [], num_steps=STEPS)[2]


def table(records: Records) -> pd.DataFrame:
    return pd.read_csv(StringIO(curves_csv(records)))


def test_the_csv_holds_every_number_exactly() -> None:
    records = records_of(oracle_baseline=True)
    found = table(records)
    assert ["outer_step", *COLUMNS] == list(found)
    assert set(COLUMNS) == set(Records._fields) - {"steps", "held_out_steps", "events"}
    assert found["outer_step"].tolist() == list(range(STEPS))
    assert records.held_out_steps.tolist() == [0, 7, 14]
    for name in COLUMNS:
        measured = found.loc[[0, 7, 14]] if name.startswith("held_out") else found
        assert same(measured[name].to_numpy(), getattr(records, name)), name
    assert found["held_out_after"].notna().sum() == 3


def test_what_was_not_measured_is_empty_and_a_nan_is_not() -> None:
    records = records_of(joint_baseline=False)
    lost = records.query_loss.copy()
    lost[1:3] = np.nan, np.inf
    rows = list(csv.DictReader(StringIO(curves_csv(records._replace(query_loss=lost)))))
    assert [row["query_loss"] for row in rows[1:3]] == ["nan", "inf"]
    assert {row["joint_loss"] for row in rows} == {""}
    assert rows[0]["held_out_after"] != rows[1]["held_out_after"] == ""
    partly = records._replace(joint_loss=np.where(np.arange(STEPS) == 4, np.nan, 1.0))
    cells = [row["joint_loss"] for row in csv.DictReader(StringIO(curves_csv(partly)))]
    assert cells[3:6] == ["1.0", "nan", "1.0"]
    all_lost = records._replace(query_loss=np.full(STEPS, np.nan))
    assert {row["query_loss"] for row in csv.DictReader(StringIO(curves_csv(all_lost)))} == {"nan"}


def test_a_run_without_steps_is_a_header() -> None:
    assert curves_csv(replay(tiny(), [], num_steps=0)[2]).splitlines() == [",".join(["outer_step", *COLUMNS])]


def read_back(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={SCALARS: 0}).Reload()


def test_tensorboard_reads_back_every_number_step_and_time(tmp_path: Path) -> None:
    records = records_of(oracle_baseline=True)
    others = ("residual", "accuracy", "held_out_accuracy_before", "held_out_accuracy_after")
    records = records._replace(
        **{name: np.linspace(0.1, 0.9, len(getattr(records, name))) + i for i, name in enumerate(others)}
    )
    path = write_tensorboard(records, tmp_path / "runs" / "mine", wall_time_s=1234.5)
    assert [file.name for file in path.parent.iterdir()] == [EVENT_FILE]
    found = read_back(path.parent)
    assert sorted(found.Tags()["scalars"]) == sorted(map(tag, COLUMNS))
    for name in COLUMNS:
        events = found.Scalars(tag(name))
        steps = records.held_out_steps if name.startswith("held_out") else records.steps
        assert [event.step for event in events] == steps.tolist()
        assert [event.value for event in events] == getattr(records, name).astype(np.float32).tolist()
        assert {event.wall_time for event in events} == {1234.5}


def test_a_curve_that_was_not_measured_is_not_there(tmp_path: Path) -> None:
    write_tensorboard(records_of(joint_baseline=False), tmp_path)
    assert "training/joint_loss" not in read_back(tmp_path).Tags()["scalars"]


def test_losses_that_are_no_numbers_reach_tensorboard(tmp_path: Path) -> None:
    records = records_of()
    lost = records.query_loss.copy()
    lost[:3] = np.nan, np.inf, 1e300
    write_tensorboard(records._replace(query_loss=lost), tmp_path)
    first, second, third = (event.value for event in read_back(tmp_path).Scalars("training/query_loss")[:3])
    assert math.isnan(first)
    assert (second, third) == (math.inf, math.inf)


def test_a_second_export_takes_the_place_of_the_first(tmp_path: Path) -> None:
    write_tensorboard(records_of(), tmp_path)
    other = records_of(tasks_seed=1)
    write_tensorboard(other, tmp_path)
    values = [event.value for event in read_back(tmp_path).Scalars("training/query_loss")]
    assert values == other.query_loss.astype(np.float32).tolist()


def test_without_tensorboard_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(ImportError, match=r"pip install 'maml-live\[tensorboard\]'"):
        write_tensorboard(records_of(), tmp_path / "new")
    assert not (tmp_path / "new").exists()
