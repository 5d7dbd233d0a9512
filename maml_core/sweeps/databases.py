"""Databases that several clients keep sweeps in: their addresses without what is secret, and what they say, in sentences."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from maml_core.errors import ConfigError
from maml_core.files import ATTEMPTS

STARS = "***"
"""In the place of a password."""

MAKING_AGAIN_S = 0.1
"""About how long to wait before tables are made again that somebody else was making."""

_MADE_BEFORE = ("23505", "42P07", "42710")
"""PostgreSQL's codes for a row, a table and a type that are there already."""

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
}
"""The databases that sweeps are kept in, by what an address of theirs begins with."""

WANTED = "a folder, or the URL of a PostgreSQL or SQLite database: postgresql://USER@HOST/NAME or sqlite:///FILE"
"""What a storage can be."""

_MEANT_AS_ADDRESS = re.compile(
    r"^(?:postgres|sqlite|mysql|mariadb|oracle|mssql)[\w+]*:|(?:^|\s)password\s*=", re.IGNORECASE
)

_KEY_OF_THE_LOCK = int.from_bytes(b"maml-liv", "big")

Made = TypeVar("Made")


def is_address(storage: str) -> bool:
    """Whether a text is meant as a database's address rather than as a folder: what is secret in it must not become a path.

    >>> [is_address(text) for text in ("postgresql://host/x", "postgresql:me:word@host/x", "host=h password=word")]
    [True, True, True]
    >>> is_address("/home/me/sweeps"), is_address("C:/sweeps")
    (False, False)
    """
    return "://" in storage or _MEANT_AS_ADDRESS.search(storage) is not None


def checked(url: str) -> str:
    """The URL with the driver that the extra `postgres` installs.

    Raises:
        ConfigError: It is no URL, or of a database that sweeps are not kept in; or a password in it is not encoded, so that it would be
            taken for the name of a host.
    """
    import sqlalchemy as sql

    if url.partition("?")[0].count("@") > 1:
        raise ConfigError(
            "storage", without_password(url), "a URL whose password has %40 for @, %3A for : and %2F for /"
        )
    scheme, separator, rest = url.partition("://")
    scheme = _DRIVERS.get(scheme.lower(), "")
    try:
        parsed = sql.make_url(f"{scheme}{separator}{rest}")
    except (sql.exc.ArgumentError, ValueError):  # a port that is no number; its message may hold the whole address
        parsed = None
    if not scheme or parsed is None or (scheme == "sqlite" and parsed.database in (None, "", ":memory:")):
        raise ConfigError("storage", without_password(url), WANTED)
    return f"{scheme}{separator}{rest}"


def without_password(url: str) -> str:
    """A database's URL as it may be shown, printed and kept: whatever is secret in it is three stars.

    >>> without_password("postgresql+psycopg://me:pa%40ss@127.0.0.1/sweeps?sslpassword=word&connect_timeout=3")
    'postgresql://me:***@127.0.0.1/sweeps?sslpassword=***&connect_timeout=3'
    >>> without_password("postgresql://me:p@ss/word@host:port/sweeps")
    'postgresql://me:***@host:port/sweeps'
    >>> without_password("postgresql://me:p?ss@host/sweeps"), without_password("sqlite:///a:b@c.db")
    ('postgresql://me:***@host/sweeps', 'sqlite:///a:b@c.db')
    >>> without_password("postgresql:me:word@host/x"), without_password("host=h password=wo rd")
    ('postgresql:me:***@host/x', 'host=h password=***')
    """
    shown = url.replace("+psycopg://", "://", 1)
    # Up to the last @, before the options if there is one: people forget to encode what is in a password.
    shown = re.sub(r"^(\w*[\w+]*:/{0,2}[^:/?@]*):(?:[^?]*|.*)@", rf"\1:{STARS}@", shown, flags=re.DOTALL)
    # What follows it without a name of its own is of the same password.
    return re.sub(
        r"((?:^|[?&\s])[^=&\s]*(?:pass(?!file)|pwd|secret|token)[^=&]*=)[^&]*(?:&[^=&]*(?=&|$))*",
        rf"\1{STARS}",
        shown,
        flags=re.IGNORECASE,
    )


def to_copy(url: str) -> tuple[str, bool]:
    """A database's URL for a command that people copy, without what is secret, and whether anything was left out.

    >>> to_copy("postgresql://me:word@127.0.0.1/sweeps?sslpassword=x&a=1"), to_copy("sqlite:///here.db")
    (('postgresql://me@127.0.0.1/sweeps?a=1', True), ('sqlite:///here.db', False))
    """
    shown = without_password(url)
    bare = re.sub(rf"([?&])[^=&]*={re.escape(STARS)}&?", r"\1", shown.replace(f":{STARS}@", "@", 1)).rstrip("?&")
    return bare, STARS in shown


def made_by_many(make: Callable[[], Made]) -> Made:
    """Make tables, or what brings its own along, where others may be making the same ones at this moment: then it is tried again.

    Databases look whether a table is there and make it in two steps, so that of two clients of a fresh one, one fails.
    """
    for attempt in range(ATTEMPTS):
        try:
            return make()
        except Exception as error:
            if attempt + 1 == ATTEMPTS or not _somebody_was_faster(error):
                raise
            time.sleep(random.uniform(0.5, 1.5) * MAKING_AGAIN_S)
    raise AssertionError("unreachable")


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Among the clients of a PostgreSQL database the only one within it: the others wait here. Other databases have no such lock."""
    if not url.startswith("postgres"):
        yield
        return
    import sqlalchemy as sql

    engine = sql.create_engine(url, poolclass=sql.NullPool)
    with engine.begin() as connection:
        connection.execute(sql.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY_OF_THE_LOCK})
        yield


def holds_studies(url: str) -> bool:
    """Whether a database holds Optuna's tables. Whoever only looks makes none, nor the file of a database of SQLite."""
    import sqlalchemy as sql

    address = sql.make_url(url)
    if address.get_backend_name() == "sqlite" and address.database and not Path(address.database).exists():
        return False
    return sql.inspect(sql.create_engine(url, poolclass=sql.NullPool)).has_table("studies")


def _somebody_was_faster(error: BaseException) -> bool:
    """Whether what failed was there already, or was just being made."""
    import sqlalchemy as sql

    database = error if isinstance(error, sql.exc.DBAPIError) else error.__cause__
    if not isinstance(database, sql.exc.DBAPIError):
        return False
    if isinstance(database, sql.exc.IntegrityError):
        return True
    said = str(database.orig)
    return getattr(database.orig, "sqlstate", None) in _MADE_BEFORE or "already exists" in said or "is locked" in said


def is_away(error: Exception) -> bool:
    """Whether a server of databases does not answer, rather than refuse what it is asked: it may be back in a while."""
    import sqlalchemy as sql

    database = _said_by(error)
    is_server = isinstance(database, sql.exc.DBAPIError) and "sqlite" not in type(database.orig).__module__
    return is_server and isinstance(database, sql.exc.OperationalError | sql.exc.InterfaceError) and not _is_full(error)


def reason_of(error: Exception) -> str:
    """What a database says, in its own words."""
    import sqlalchemy as sql

    database = _said_by(error)
    said = database.orig if isinstance(database, sql.exc.DBAPIError) and database.orig is not None else database
    return (str(said).strip() or type(said).__name__).splitlines()[0]


def _said_by(error: Exception) -> BaseException:
    """What a database raised, without Optuna's words around it."""
    import sqlalchemy as sql

    return error if isinstance(error, sql.exc.DBAPIError) else error.__cause__ or error


def _is_full(error: Exception) -> bool:
    reason = reason_of(error)
    return "is full" in reason or "No space left" in reason


def refusal(where: str, error: Exception) -> str:
    """What a database says, in a sentence with what to do."""
    import sqlalchemy as sql

    database, reason = _said_by(error), reason_of(error)
    if _is_full(error):
        return f"the disk of the sweep's storage {where} is full ({reason}); make room there"
    if isinstance(database, sql.exc.OperationalError):
        return (
            f"the sweep's storage {where} cannot be reached ({reason}); see that it runs and that its address is right"
        )
    return f"the sweep's storage {where} refuses ({reason}); see that this user may make tables there and write to them"
