"""A password is in nothing that a command prints or keeps, whether the database answers, refuses or is not there."""

from __future__ import annotations

import shlex
import socket
import sqlite3
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.errors import ConfigError
from maml_core.sweeps import databases
from maml_core.sweeps.databases import STARS, checked, holds_studies, made_by_many, refusal, to_copy, without_password
from tests.maml_core.postgres import USER, postgres, programs

pytestmark = pytest.mark.slow

SECRET = "s3cret-W0rd"
TINY = [
    *("--hidden-widths", "4", "--meta-batch-size", "2", "--shots", "2", "--num-query", "2", "--evaluation-tasks", "2"),
    *("--evaluation-steps", "1", "--num-inner-steps", "1", "--workers", "1", "--no-joint-baseline"),
]
SWEPT = ["sweep", "--axis", "alpha=0.01,0.1", "--steps", "2", "--name", "one", *TINY]
COMMANDS = {
    "sweep": SWEPT,
    "sweep again": SWEPT,
    "sweep --json": [*SWEPT, "--json"],
    "sweep --resume": ["sweep", "--resume", "one", "--workers", "1"],
    "sweep --resume nothing": ["sweep", "--resume", "nothing"],
    "sweep --dry-run": [*SWEPT, "--dry-run"],
    "another sweep": ["sweep", "--axis", "beta=0.01,0.1", "--steps", "2", "--name", "one", *TINY],
    "list": ["sweeps", "list"],
    "list --json": ["sweeps", "list", "--json"],
    "show": ["sweeps", "show", "one"],
    "show --json": ["sweeps", "show", "one", "--json"],
    "show nothing": ["sweeps", "show", "nothing"],
    "export": ["sweeps", "export", "one", "--csv", "--force"],
    "delete nothing": ["sweeps", "delete", "nothing", "--yes"],
    "delete": ["sweeps", "delete", "one"],
    "delete --yes": ["sweeps", "delete", "one", "--yes"],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(url: str, folder: Path) -> str:
    """All that the commands, in this order, print about a database and keep in the folder."""
    said = ""
    for name, arguments in COMMANDS.items():
        result = CliRunner().invoke(app, [*arguments, "--storage", url], input="n\n")
        assert result.exception is None or isinstance(result.exception, SystemExit), (name, result.exception)
        said += f"--- {name}: {result.exit_code}\n{result.output}"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return said + kept.decode(errors="replace")


@pytest.mark.parametrize(
    "form", ["//{name}:{word}@", pytest.param("//{name}@?password={word}", marks=pytest.mark.thorough)]
)
def test_no_command_says_or_keeps_the_password_of_a_database(form: str, here: Path) -> None:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(where) as server:
        with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE someone LOGIN SUPERUSER PASSWORD {}").format(SECRET))
        user, _, options = form.format(name="someone", word=SECRET).partition("?")
        said = told(
            server.replace("postgresql+psycopg://", "postgresql:").replace(f"{USER}@", user, 1) + f"?{options}", here
        )
    assert "--- show: 0" in said
    assert "--- delete --yes: 0" in said
    assert SECRET not in said
    assert STARS in said


@pytest.mark.parametrize("form", ["me:{word}@127.0.0.1:{port}/x", "127.0.0.1:{port}/x?user=me&password={word}"])
def test_no_command_says_the_password_of_a_database_that_is_not_there(form: str, here: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        said = told("postgresql://" + form.format(word=SECRET, port=free.getsockname()[1]), here)
    assert "cannot be reached" in said
    assert SECRET not in said


@pytest.mark.parametrize("scheme", ["mysql", "nosuch", "postgresql"])
def test_a_password_that_is_not_encoded_is_said_as_stars(scheme: str, here: Path) -> None:
    for word in (f"{SECRET}@{SECRET}", f"{SECRET}/{SECRET}", f"{SECRET}?{SECRET}", f"{SECRET}#{SECRET}"):
        assert SECRET not in told(f"{scheme}://me:{word}@127.0.0.1:1/x", here)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@host:port/x",
        f"postgresql://me:{SECRET}@[::1/x",
        f"postgresql:me:{SECRET}@host/x",
        f"postgresql:/me:{SECRET}@host/x",
        f"host=h user=me password={SECRET} dbname=x",
        f"host=h password='{SECRET} {SECRET}'",
        f"mysql://me:{SECRET}@host/x",
        f"mysql+pymysql://me:{SECRET}@host/x",
        f"oracle://host/x?user=me&password={SECRET}&{SECRET}",
        f"postgresql+asyncpg://me:{SECRET}@host/x",
        f"://me:{SECRET}@host",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_what_is_no_address_of_a_database_that_keeps_sweeps_is_refused_without_its_password(
    url: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["sweeps", "list", "--storage", url])
    assert result.exit_code == 2
    assert result.output.startswith("maml: storage = ")
    assert "a folder, or the URL of a PostgreSQL or SQLite database: postgresql://USER@HOST/NAME" in result.output
    assert SECRET not in told(url, here)
    monkeypatch.setenv("MAML_SWEEPS", url)
    result = CliRunner().invoke(app, ["sweeps", "list"])
    assert (result.exit_code, SECRET in result.output) == (2, False)
    assert "a folder; name a database with --storage" in result.output


@pytest.mark.parametrize("scheme", ["postgres", "POSTGRESQL", "postgresql", "postgresql+psycopg"])
def test_the_names_of_one_database_are_one(scheme: str) -> None:
    assert checked(f"{scheme}://me@host/Sweeps") == "postgresql+psycopg://me@host/Sweeps"


def test_a_password_with_an_at_sign_is_asked_for_in_its_encoded_form() -> None:
    with pytest.raises(ConfigError, match="%40 for @") as caught:
        checked("postgresql://me:a@b@host/x")
    assert caught.value.value == f"postgresql://me:{STARS}@host/x"


def test_an_at_sign_among_the_options_is_of_no_password() -> None:
    assert (
        checked("postgresql://me@host/x?application_name=a@b") == "postgresql+psycopg://me@host/x?application_name=a@b"
    )


@pytest.mark.parametrize("reason", ["database or disk is full", "could not extend file: No space left on device"])
def test_a_full_disk_is_called_so(reason: str) -> None:
    error = sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError(reason))
    assert refusal("here", error) == f"the disk of the sweep's storage here is full ({reason}); make room there"


def test_tables_that_somebody_else_is_making_are_made_again_and_another_failure_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(databases, "MAKING_AGAIN_S", 0.0)
    reasons = ["database is locked", "table studies already exists"]

    def make() -> str:
        if reasons:
            raise sqlalchemy.exc.OperationalError("CREATE TABLE", {}, sqlite3.OperationalError(reasons.pop()))
        return "made"

    assert made_by_many(make) == "made"
    reasons += ["no such table: studies"] * 2
    with pytest.raises(sqlalchemy.exc.OperationalError, match="no such table"):
        made_by_many(make)
    assert len(reasons) == 1  # tried once


def test_a_file_holds_studies_once_it_has_their_table_and_looking_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "sweeps.db"
    assert not holds_studies(f"sqlite:///{file}")
    assert not file.exists()
    sqlite3.connect(file).close()
    file.touch()
    assert not holds_studies(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE studies (study_id INTEGER)")
    connection.close()
    assert holds_studies(f"sqlite:///{file}")


@given(word=st.text(min_size=1).filter(lambda word: word not in STARS), option=st.text(min_size=1))
def test_what_is_secret_is_left_out_whatever_it_is(word: str, option: str) -> None:
    url = f"postgresql://me:{quote(word, safe='')}@host:5432/x?connect_timeout=3&sslpassword={quote(option, safe='')}"
    assert without_password(url) == f"postgresql://me:{STARS}@host:5432/x?connect_timeout=3&sslpassword={STARS}"
    bare, had_secrets = to_copy(url)
    assert (shlex.split(bare), had_secrets) == (["postgresql://me@host:5432/x?connect_timeout=3"], True)


def test_an_empty_storage_is_no_storage() -> None:
    result = CliRunner().invoke(app, ["sweeps", "list", "--storage", ""])
    assert result.exit_code == 2
    assert "storage = '' is not accepted" in result.output
