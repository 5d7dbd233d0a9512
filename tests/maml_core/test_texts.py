"""Settings from files are read whatever their editor put around them, and refused where they say two things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.texts import from_json, from_toml

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


def set_up(*arguments: str, command: str = "train", code: int = 0) -> Any:
    """What a command would begin with, or the sentence with which it refuses."""
    result = CliRunner().invoke(app, [command, *arguments, "--dry-run"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if code == 0 else result.output


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("name", "text"), [("run.toml", "alpha = 0.25 # größer"), ("run.json", '{"alpha": 0.25}')])
def test_a_file_of_settings_is_read_in_any_encoding_that_says_which_it_is(
    name: str, text: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    assert set_up("--config", str(path))["alpha"] == 0.25


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sweep_in_a_file_is_read_in_any_of_them(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    text = 'steps = 7\nseeds = 2\n[base]\nN = 2\n[[axes]]\nname = "meta_batch"\nvalues = [2, 3]\n'
    path.write_bytes(text.encode(encoding))
    found = set_up("--config", str(path), command="sweep")
    assert (found["num_steps"], found["num_seeds"], found["base"]["num_inner_steps"]) == (7, 2, 2)
    assert found["axes"][0]["name"] == "meta_batch_size"


@pytest.mark.parametrize("name", ["run.toml", "run.json"])
def test_a_file_in_an_encoding_that_does_not_say_so_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"# gr\xf6\xdfer\n" if name.endswith("toml") else b'{"gr\xf6\xdfer": 1}')
    assert "save it as UTF-8" in set_up("--config", str(path), code=2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", '{"alpha": 0.1, "alpha": 0.2}'),
        ("run.json", '{"tasks": {"kind": "linear", "kind": "linear"}}'),
        ("run.toml", "alpha = 0.1\nalpha = 0.2\n"),
        ("run.json", '{"N": 1, "num_inner_steps": 2}'),
        ("run.toml", "N = 1\nnum_inner_steps = 2\n"),
    ],
)
def test_a_setting_that_stands_twice_in_a_file_is_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    said = set_up("--config", str(tmp_path / name), code=2)
    assert any(
        words in said for words in ("stands there twice", "Cannot overwrite a value", "leave one of the two out")
    )


def test_the_texts_themselves() -> None:
    with pytest.raises(ValueError, match="the key 'b' stands there twice"):
        from_json(b'{"a": [{"b": 1, "b": 1}]}')
    for constant in (b"NaN", b"[Infinity]", b'{"a": -Infinity}'):
        with pytest.raises(ValueError, match="is no number"):
            from_json(constant)
    assert from_toml("a = 'é'".encode("utf-8-sig")) == {"a": "é"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--alpha", "0.1", "--alpha", "0.2"], "it is given 2 times"),
        (["-N", "1", "--num-inner-steps", "2"], "it is given 2 times"),
        (["--joint-baseline", "--no-joint-baseline"], "it is given 2 times"),
        (["--steps", "5", "--steps", "6"], "it is given 2 times"),
        (["--set", "alpha=0.1", "--alpha", "0.2"], "it is set to 0.2 as well"),
        (["--set", "alpha=0.1", "--set", "alpha=0.2"], "it is set to 0.1 as well"),
        (["--set", "N=5", "-N", "4"], "it is set to 4 as well"),
        (["--set", "tasks.noise_std=1", "--noise-std", "2"], "it is set to 2 as well"),
        (["--set", "tasks=linear", "--tasks", "sinusoid"], "it is set to 'sinusoid' as well"),
        (["--algorithm", "fomaml", "--order", "second"], "fomaml is maml with order first"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments: list[str], words: str) -> None:
    said = set_up(*arguments, code=2)
    assert words in " ".join(said.replace("│", " ").split())


def test_options_that_say_the_same_twice_in_two_ways_are_one() -> None:
    assert set_up("--set", "N=5", "-N", "5")["num_inner_steps"] == 5
    assert set_up("--set", "algorithm=fomaml")["order"] == "first"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "alhpa=1"], "did you mean 'alpha'?"),
        (["--algorithm", "fomlal"], "did you mean 'fomaml'?"),
        (["--preset", "fastdemo"], "did you mean 'Fast demo'?"),
        (["--tasks", "sinusoids"], "did you mean 'sinusoid'?"),
        (["--activation", "tahn"], "did you mean 'tanh'?"),
        (["--set", "tasks.amplitud=1,2"], "did you mean 'amplitude'?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments: list[str], words: str) -> None:
    assert words in set_up(*arguments, code=2)


def test_a_range_of_an_axis_has_one_number_of_values() -> None:
    for axis in ("alpha=0.1..1:log:4:5", "alpha=0.1..1:4:log:4", "alpha=0.1..1:log:log:4"):
        assert "LOW..HIGH" in set_up("--axis", axis, command="sweep", code=2)


def test_a_timeline_that_a_run_would_refuse_is_refused_before_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('algorithm = "meta_sgd"\n[[timeline]]\nstep = 5\nchanges = { alpha = 0.5 }\n')
    assert "timeline[0].changes.alpha = 0.5 is not accepted" in set_up("--config", str(path), code=2)
    path.write_text("[[timeline]]\nstep = 5\nchanges = { N = 2 }\n")
    assert set_up("--config", str(path))["timeline"][0]["changes"] == {"num_inner_steps": 2}
