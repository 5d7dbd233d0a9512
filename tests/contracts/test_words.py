"""One word for a value wherever it is read or written: each field of each config, through each door of the program and back."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

import pytest

from dashboard.charts.sweep_optuna import study_of
from dashboard.setups import address
from dashboard.setups.settings import SETTINGS, refusal
from dashboard.setups.sweep_draft import Draft, draft_of, sweep_of
from maml_core.cli.fields import Option, assigned, joined, options
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    from_dict,
    replace,
    to_dict,
)
from maml_core.errors import ConfigError
from maml_core.families.curves import CurveFamily
from maml_core.settings import hints_of
from maml_core.sweeps.axes import Axis, axis_from_text, axis_names
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.findings import read
from maml_core.sweeps.study import open_study
from maml_core.values import parsed, shown, written
from tests.contracts.choices import NEEDS
from tests.dashboard.sweeps.results import result
from tests.maml_core.cli.cases import maml

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = [option for option in options() if option.hint is bool]
each_switch = pytest.mark.parametrize("option", SWITCHES, ids=lambda option: ".".join(option.path))
WORDS = {True: ("on", "true", "yes", "On", "TRUE"), False: ("off", "false", "no", "Off", "FALSE")}
NUMBERS = (0.00316227, 0.001, 1e-5, 3.3e-5, 2.0, 12345, 123456.7, 0.3, 100000.0)


def base_of(option: Option) -> RunConfig:
    """A set-up that has the field, and in which it can act."""
    group, name = option.path[0], option.path[-1]
    base = replace(RunConfig(), NEEDS.get(name, {}))
    if len(option.path) == 1:
        return base
    owners = [
        RunConfig().tasks,
        RunConfig().model,
        LinearConfig(),
        GlyphsConfig(),
        OmniglotConfig(),
        FolderConfig(folder="/birds"),
        ConvConfig(),
    ]
    owner = next(own for own in owners if name in hints_of(type(own)) and own.kind in _kinds(group))
    demo = RunConfig() if isinstance(owner, CurveFamily | MLPConfig) else RunConfig(tasks=GlyphsConfig())
    return replace(demo, {group: owner})


def _kinds(group: str) -> list[str]:
    return [member.__dataclass_fields__["kind"].default for member in get_args(hints_of(RunConfig)[group])]


def values_of(option: Option) -> list[Any]:
    """Some values that its field accepts."""
    hint, kinds = option.hint, get_args(option.hint)
    if hint is bool:
        return [True, False]
    if get_origin(hint) is tuple:
        return [(16,), (64, 64, 8), ()] if kinds[-1] is Ellipsis else [(0.25, 0.75)]
    if hint is str:
        return ["/pictures, of birds/all_of them=1"]
    if type(None) in kinds:
        return [None, 12]
    return list(kinds) if kinds else [3 if hint is int else 0.0625]


CASES = [
    pytest.param(option, value, id=f"{'.'.join(option.path)}={value}")
    for option in options()
    if option.path not in {("tasks",), ("model",)}
    for value in values_of(option)
]


def changed(option: Option, value: Any) -> RunConfig | None:
    """The set-up with this value; None where the field's other settings refuse it."""
    try:
        return from_dict(joined(to_dict(base_of(option)), _nested(option, value)))
    except ConfigError:
        return None


def _nested(option: Option, value: Any) -> dict[str, Any]:
    plain = list(value) if isinstance(value, tuple) else value
    return {option.path[0]: plain} if len(option.path) == 1 else {option.path[0]: {option.path[1]: plain}}


@pytest.mark.parametrize(("option", "value"), CASES)
def test_what_is_written_is_read_back(option: Option, value: Any) -> None:
    config = changed(option, value)
    if config is None:
        with pytest.raises(ConfigError):
            from_dict(joined(to_dict(base_of(option)), assigned([f"{'.'.join(option.path)}={written(value)}"])))
        return
    text = written(value)
    plain = list(value) if isinstance(value, tuple) else value
    assert parsed(text, option.hint) == plain
    on_the_command_line = assigned([f"{'.'.join(option.path)}={text}"])
    assert from_dict(joined(to_dict(base_of(option)), on_the_command_line)) == config
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    query = dict(parse_qsl(address.write(config), keep_blank_values=True))
    assert address.read(query)[:3] == (config, (), ())
    name = ".".join(option.path)
    if name in axis_names(config) and option.hint is not str and not isinstance(value, tuple):
        assert axis_from_text(f"{name}={text}", config).values == (value,)


@each_switch
@pytest.mark.parametrize("on", [True, False])
def test_every_door_knows_every_word_of_a_switch(option: Option, on: bool) -> None:
    name, base = ".".join(option.path), base_of(option)
    expected = from_dict(joined(to_dict(base), _nested(option, on)))
    kind = {f"{option.path[0]}.kind": getattr(base, option.path[0]).kind} if len(option.path) == 2 else {}
    rest = dict(parse_qsl(address.write(base), keep_blank_values=True))
    for word in WORDS[on]:
        assert from_dict(joined(to_dict(base), assigned([f"{name}={word}"]))) == expected
        assert address.read({**rest, **kind, name: word})[:3] == (expected, (), ())
        if name in axis_names(base):
            assert axis_from_text(f"{name}={word}", base).values == (on,)
    assert f"Default: {'on' if _default(option) else 'off'}" in option.help


def _default(option: Option) -> bool:
    if len(option.path) == 1:
        return bool(getattr(RunConfig(), option.path[0]))
    return bool(getattr(getattr(base_of(option), option.path[0]), option.path[1]))


@pytest.mark.parametrize("text", ["64,64", "64, 64", "64 64", "64;64", "[64, 64]", "(64, 64)", "64x64", "64_64"])
def test_every_door_knows_every_way_to_write_a_list(text: str) -> None:
    config = from_dict({"model": {"hidden_widths": [64, 64]}})
    assert from_dict(assigned([f"model.hidden_widths={text}"])) == config
    assert address.read({"model.hidden_widths": text}).config == config
    assert SETTINGS["hidden_widths"].chosen(RunConfig(), text).config == config
    assert SETTINGS["hidden_widths"].shown(config) == "64,64"


@pytest.mark.parametrize("text", ["none", "None", "", "off"])
def test_every_door_knows_every_word_for_nothing(text: str) -> None:
    clipped = RunConfig(clip_norm=1.0)
    assert from_dict(joined(to_dict(clipped), assigned([f"clip_norm={text}"]))) == RunConfig()
    assert address.read({"clip_norm": text, "v": "1"}).config == RunConfig()
    assert SETTINGS["clip_norm"].chosen(clipped, text).config == RunConfig()
    assert SETTINGS["clip_norm"].shown(RunConfig()) == "none"


@pytest.mark.parametrize("text", ["0.001", "1e-3", "1E-3", ".001", "+0.001", "0.0010", " 1e-03 "])
def test_every_door_knows_every_way_to_write_a_number(text: str) -> None:
    config = RunConfig(clip_norm=1e-3)
    assert from_dict(assigned([f"clip_norm={text}"])) == config
    assert address.read({"clip_norm": text}).config == config
    assert SETTINGS["clip_norm"].chosen(RunConfig(), text).config == config
    assert axis_from_text(f"clip_norm={text}", RunConfig()).values == (1e-3,)
    assert written(1e-3) == "0.001"


@pytest.mark.parametrize("text", ["1_0", "0x10", "1 0", "ten", "1,0", "--1"])
def test_what_is_no_number_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ConfigError, match="shots") as refused:
        from_dict(assigned([f"shots={text}"]))
    assert refused.value.value == text
    assert address.read({"shots": text}).notes != ()


def test_sentences_say_on_off_and_none() -> None:
    error = ConfigError("anneal_order", True, "the order is first throughout")
    assert str(error) == "anneal_order = on is not accepted: the order is first throughout"
    assert refusal(error, RunConfig()).startswith("Derivative-order annealing = on is not accepted")
    assert str(ConfigError("axis", None, "give one")) == "axis = none is not accepted: give one"


SWEEP = SweepConfig(
    axes=(Axis(name="anneal_beta", values=(True, False)), Axis(name="clip_norm", values=(None, 0.00316227)))
)
RESULTS = [
    result(number, {"anneal_beta": on, "clip_norm": norm}, loss=0.2 + 0.2 * number)
    for number, (on, norm) in enumerate((on, norm) for on in (True, False) for norm in (None, 0.00316227))
]


def test_a_sweep_of_a_switch_says_it_the_same_way_everywhere() -> None:
    best, *_ = read(SWEEP, RESULTS)
    assert "anneal_beta = on, clip_norm = none" in best
    offered = SweepConfig(axes=SWEEP.axes[1:], num_steps=300)
    draft = draft_of(offered, "it", SWEEP.base)
    assert isinstance(draft, Draft)
    assert dict(draft.lists) == {"clip_norm": "none, 0.00316227"}
    assert sweep_of(draft, SWEEP.base) == offered
    drawn = study_of(RESULTS, SWEEP)
    assert {str(trial.params["anneal beta"]) for trial in drawn.get_trials()} == {"on", "off"}
    assert {trial.params["clip norm"] for trial in drawn.get_trials()} == {"none", "0.003162"}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_says_values_as_the_command_line_does() -> None:
    values = [True, False, None, "anil", *NUMBERS]
    code = (
        f"import {{ said }} from {json.dumps((ROOT / 'dashboard/web/sweeps/store.js').as_uri())};"
        f"console.log(JSON.stringify({json.dumps(values)}.map(said)))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == [shown(value) for value in values]


def test_what_is_kept_and_exported_has_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    tiny = ("--hidden-widths", "4", "--set", "evaluation_tasks=2", "--shots", "2", "--set", "joint_baseline=No")
    maml("train", *tiny, "--steps", "1", "--name", "it")
    maml("train", "--resume", "it", "--steps", "2", "--set", "recompute=yes", "--clip-norm", "1e-3")
    told = maml("runs", "show", "it").stdout
    for line in (
        "  tasks.kind = sinusoid",
        "  model.hidden_widths = 4",
        "  joint_baseline = off",
        "  recompute = on  (at the start off)",
        "  clip_norm = 0.001  (at the start none)",
    ):
        assert line in told.splitlines()
    assert re.search(r"  step 1: change (recompute = on, clip_norm = 0.001|clip_norm = 0.001, recompute = on)", told)

    with open_study(SWEEP, "it", storage=str(tmp_path / "sweeps")):
        pass
    maml("sweeps", "export", "it", "--csv", "--storage", str(tmp_path / "sweeps"))
    rows = list(csv.DictReader((tmp_path / "it.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["anneal_beta"], row["clip_norm"]) for row in rows] == [
        ("on", "none"),
        ("on", "0.00316227"),
        ("off", "none"),
        ("off", "0.00316227"),
    ]
    told = maml("sweeps", "show", "it", "--storage", str(tmp_path / "sweeps")).stdout
    assert "  anneal_beta: on, off" in told
    assert "  clip_norm: none, 0.003162" in told
