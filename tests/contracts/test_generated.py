"""What is generated says the set-up that it is of, whatever a name, a path or a text holds: it is parsed back and compared."""

from __future__ import annotations

import ast
import csv
import dataclasses
import io
import json
import math
import shlex
import shutil
import tempfile
import unicodedata
import zipfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from typer.testing import CliRunner

from dashboard.setups import address
from maml_core.cli import app
from maml_core.config import FolderConfig, RunConfig, from_dict, to_dict
from maml_core.errors import ConfigError
from maml_core.exports.curves import COLUMNS, tag, write_tensorboard
from maml_core.exports.script import script
from maml_core.store import RunStore, check_name, import_run, load_run, save_run
from maml_core.store.runs import zip_run
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig, sweep_from_dict
from maml_core.sweeps.results import refused
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.tables import table
from maml_core.texts import from_toml
from tests.maml_core.store.saved import trained

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=500)
ODD = (
    "it's",
    'a "b"',
    "a\nb",
    "a\\n",
    "'''",
    '"""',
    "\\",
    "{x}%s$HOME",
    "=1+1",
    "a&b=c#d;e~f:g",
    "%41",
    "+",
    "ü ∂ 字",
    "\r\t ",
)


def of_folder(folder: str) -> RunConfig:
    return RunConfig(tasks=FolderConfig(folder=folder), joint_baseline=False)


def with_examples(test):  # type: ignore[no-untyped-def]
    for text in ODD:
        test = example(text)(test)
    return settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])(given(TEXTS)(test))


@with_examples
def test_a_script_names_the_folder(folder: str) -> None:
    tree = ast.parse(script(of_folder(f"/{folder}"[:500]), (), 10))  # a whole path, as a saved run has it
    found = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "folder"
    ]
    assert [ast.literal_eval(value) for value in found] == [f"/{folder}"[:500]]


@with_examples
def test_an_address_names_the_folder(folder: str) -> None:
    query = dict(parse_qsl(urlsplit(f"http://host/?{address.write(of_folder(folder))}").query, strict_parsing=True))
    assert address.read(query).config == of_folder(folder)


@with_examples
def test_a_set_up_as_json_names_the_folder(folder: str) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(of_folder(folder))))) == of_folder(folder)


@pytest.mark.parametrize("folder", ODD)
def test_what_a_dry_run_prints_is_the_set_up_again(folder: str, tmp_path: Path) -> None:
    first = CliRunner().invoke(app, ["train", "--tasks", "folder", f"--folder=/x/{folder}", "--dry-run"])
    assert first.exit_code == 0, first.output
    path = tmp_path / "run.json"
    path.write_text(first.stdout, encoding="utf-8")
    again = CliRunner().invoke(app, ["train", "--config", str(path), "--dry-run"])
    assert json.loads(again.stdout) == json.loads(first.stdout)
    swept = CliRunner().invoke(app, ["sweep", "--config", str(path), "--axis", "alpha=0.1,0.2", "--dry-run"])
    assert (
        sweep_from_dict(json.loads(swept.stdout)).base.tasks
        == from_dict({name: value for name, value in json.loads(first.stdout).items() if name != "timeline"}).tasks
    )


@with_examples
def test_a_text_of_toml_is_the_same_text(folder: str) -> None:
    """What README shows of files: a basic string takes what JSON's takes."""
    text = json.dumps(folder, ensure_ascii=False).replace("\x7f", "\\u007f")
    assert from_toml(f"folder = {text}".encode()) == {"folder": folder}


@with_examples
def test_a_table_of_settings_keeps_its_rows_as_csv(refusal: str) -> None:
    sweep = SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2)), Axis(name="algorithm", values=("maml", "anil"))))
    found = table(sweep, [refused(one, refusal) for one in settings_of(sweep) or ()])
    rows = list(csv.DictReader(io.StringIO(found.to_csv(index=False, lineterminator="\r\n"), newline="")))
    assert [row["refusal"] for row in rows] == [refusal] * 4
    assert [row["algorithm"] for row in rows] == ["maml", "anil"] * 2


@pytest.mark.parametrize("name", ["run", "two words", "it's", "a&b=c", "ü 字", "-rf", "=1+1", "a#b%41"])
def test_an_archive_lies_in_one_folder_whatever_the_run_is_called(name: str, tmp_path: Path) -> None:
    save_run(tmp_path / name, trained(RunConfig(), steps=2))
    for folder in (tmp_path / name, tmp_path / name / ".." / name):
        with zipfile.ZipFile(io.BytesIO(zip_run(folder))) as archive:
            tops = {Path(entry).parts[0] for entry in archive.namelist()}
            archive.extractall(tmp_path / "out")
        assert tops == {name}
        assert load_run(tmp_path / "out" / name).step == load_run(tmp_path / name).step


def _accepted(name: str) -> bool:
    try:
        return check_name(name) == name
    except ConfigError:
        return False


SIGNS = st.sampled_from(" ._-") | st.characters(categories=("L", "M", "N"))
NAMES = st.text(SIGNS, min_size=1, max_size=80).filter(_accepted)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    save_run(folder, trained(RunConfig(), steps=2))
    return folder


@settings(deadline=None, max_examples=40)
@given(NAMES)
@example("größe 1")
@example("_a.b -- c")
@example("學習-2")
def test_a_run_has_its_name_in_an_archive_in_tensorboard_and_in_a_download(saved: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "runs" / name
        shutil.copytree(saved, folder)
        archive = Path(place) / "sent.zip"
        archive.write_bytes(zip_run(folder))
        with zipfile.ZipFile(archive) as opened:
            assert {entry.partition("/")[0] for entry in opened.namelist()} == {name}
            assert all(entry.count("/") == 1 for entry in opened.namelist())
        assert import_run(archive, RunStore(Path(place) / "imported")).name == name
        write_tensorboard(load_run(folder).records, Path(place) / "boards" / name, wall_time_s=0.0)
        boards = EventMultiplexer().AddRunsFromDirectory(str(Path(place) / "boards")).Reload()
        assert set(boards.Runs()) == {name}
        assert (
            {tag("query_loss"), tag("held_out_after")} <= set(boards.Runs()[name]["tensors"]) <= set(map(tag, COLUMNS))
        )
        (Path(place) / f"{name}.csv").write_text("x")  # as a browser keeps it
        assert [file.name for file in Path(place).glob("*.csv")] == [f"{name}.csv"]


@given(TEXTS)
@example('a"b')
@example("a\r\nSet-Cookie: x")
@example("a/b")
@example("a\\b")
@example("C:x*?")
def test_no_run_is_called_what_a_file_cannot_be(name: str) -> None:
    """A run's name becomes that of its downloads, in a header, and of its folder on every system."""
    if any(sign in name for sign in '"/\\:*?<>|') or any(unicodedata.category(sign) == "Cc" for sign in name):
        assert not _accepted(name)


@pytest.mark.parametrize("folder", [text for text in ODD if "\r" not in text])
def test_the_command_for_tensorboard_names_the_folder(folder: str, saved: Path, tmp_path: Path) -> None:
    boards = tmp_path / folder
    found = CliRunner().invoke(app, ["runs", "export", str(saved), "--tensorboard", str(boards)])
    assert found.exit_code == 0, found.output
    command = found.stdout.split("look at it with: ", 1)[1].rstrip("\n")
    assert shlex.split(command) == ["tensorboard", "--logdir", str(boards)]
    assert (boards / "run").is_dir()


def test_an_archive_of_the_folder_one_is_in_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path / "run", trained(RunConfig(), steps=2))
    (tmp_path / "run" / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    for folder in (Path("."), Path("inner") / ".."):
        with zipfile.ZipFile(io.BytesIO(zip_run(folder))) as archive:
            assert {entry.split("/")[0] for entry in archive.namelist()} == {"run"}


def test_numbers_in_an_address_are_exact() -> None:
    for value in (1e-300, 0.1 + 0.2, math.pi, np.nextafter(1.0, 2.0)):
        config = dataclasses.replace(RunConfig(), alpha=float(value))
        assert address.read(dict(parse_qsl(address.write(config)))).config == config
