"""Who computes which setting: claims in a small SQL table, so that of several clients, on several machines, exactly one has each.

A claim is a row with a primary key: of two clients that insert it, one fails. Clients beat while they live; the claims of one that has not
for `LEASE_S` go to whoever asks next, by an update that names the holder it takes them from, so that of two that ask one gets it. On
one machine a client whose process has ended counts as dead at once. Optuna's own heartbeats do not work with ask and tell.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from maml_core.sweeps.databases import made_by_many

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

BEAT_S = 5.0
LEASE_S = 30.0
"""A client that has not beaten for so long is dead."""

_LOOK_AT = 256
"""Settings whose claims are looked at together, at least."""

_DONE = "done"
"""Holds what needs no more work."""

_log = logging.getLogger(__name__)


def new_client() -> str:
    """A name for a client: host, process, and something of its own."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Claims:
    """The claims on one sweep's settings.

    Args:
        engine: Of the database; see `engine_of`.
        sweep: The key of the sweep.
        lease_s: See `LEASE_S`.
        client: Who asks.
    """

    def __init__(self, engine: Engine, sweep: str, *, lease_s: float = LEASE_S, client: str | None = None) -> None:
        import sqlalchemy as sql

        self.client = client or new_client()
        self._engine, self._sweep, self._lease_s = engine, sweep, lease_s
        self._is_local = engine.dialect.name == "sqlite"
        tables = sql.MetaData()
        self._clients = sql.Table(
            "maml_clients",
            tables,
            sql.Column("client", sql.String(200), primary_key=True),
            sql.Column("beat", sql.Double, nullable=False),
        )
        self._claims = sql.Table(
            "maml_claims",
            tables,
            sql.Column("sweep", sql.String(64), primary_key=True),
            sql.Column("setting", sql.Integer, primary_key=True, autoincrement=False),
            sql.Column("client", sql.String(200), nullable=False),
        )
        made_by_many(lambda: tables.create_all(engine))
        self._given = set[int]()
        """Those of ours that were given out: of the others nobody knows, since the database went away before it could answer."""
        self._trusts_until = 0.0
        """Everybody counts as living: the database was away, and nobody could beat."""
        self._ended = threading.Event()
        self._beating: threading.Thread | None = None

    def take(self, order: Iterable[int], count: int) -> list[int]:
        """Claim up to `count` of these settings, in this order, that nobody living has."""
        self._begin_to_beat()
        order, mine = list(order), list[int]()
        size = max(_LOOK_AT, 4 * count)  # of a hundred thousand claims, only those of the next settings are looked at
        for start in range(0, len(order), size):
            part = order[start : start + size]
            while len(mine) < count:
                with self._engine.begin() as connection:
                    holders = self._holders(connection, part)
                    living = self._living(connection)
                    free = [n for n in part if self._is_free(n, holders.get(n, ""), living)]
                    # Rising numbers: two clients that wait for each other's rows would never end.
                    tried = sorted(free[: count - len(mine)])
                    mine += [n for n in tried if self._claim(connection, n, holders.get(n))]
                if len(tried) == len(free):
                    break
        self._given |= set(mine)
        return [n for n in order if n in set(mine)]

    def held(self) -> set[int]:
        """The settings that are done, or that somebody living has."""
        with self._engine.begin() as connection:
            living = self._living(connection)
            return {n for n, holder in self._holders(connection).items() if holder in living}

    def release(self, numbers: Collection[int]) -> None:
        """Give up claims of ours."""
        table = self._claims
        with self._engine.begin() as connection:
            for number in sorted(numbers):
                connection.execute(table.delete().where(*self._at(number), table.c.client == self.client))
        self._given -= set(numbers)

    def done(self, numbers: Collection[int]) -> None:
        """Nobody needs to have these any more."""
        with self._engine.begin() as connection:
            for number in sorted(numbers):
                connection.execute(self._claims.update().where(*self._at(number)).values(client=_DONE))
        self._given -= set(numbers)

    @property
    def num_clients(self) -> int:
        """Those that live, ourselves included, whichever sweep of this database they work at."""
        with self._engine.begin() as connection:
            return len(self._living(connection) - {_DONE} | {self.client})

    @property
    def has_others(self) -> bool:
        """Whether somebody else who lives has a setting of this sweep."""
        with self._engine.begin() as connection:
            return bool(set(self._holders(connection).values()) & (self._living(connection) - {_DONE, self.client}))

    def beat(self) -> None:
        """Say that we live."""
        table = self._clients
        with self._engine.begin() as connection:
            now = self._now(connection)
            if not connection.execute(table.update().where(table.c.client == self.client).values(beat=now)).rowcount:
                connection.execute(table.insert().values(client=self.client, beat=now))

    def close(self) -> None:
        """Give up every claim of ours, stop beating, and leave the database."""
        self._ended.set()
        try:
            if self._beating is not None:
                self._beating.join()
                self._beating = None
                if not self._was_deleted:
                    with self._engine.begin() as connection:
                        connection.execute(self._claims.delete().where(self._claims.c.client == self.client))
                        connection.execute(self._clients.delete().where(self._clients.c.client == self.client))
        finally:
            self._engine.dispose()

    def forget(self) -> None:
        """Remove all claims on the sweep."""
        with self._engine.begin() as connection:
            connection.execute(self._claims.delete().where(self._claims.c.sweep == self._sweep))

    @property
    def _was_deleted(self) -> bool:
        """Whether somebody has deleted the sweep, or put it elsewhere, while its claims are open here: a file of SQLite is gone then."""
        file = self._engine.url.database
        return self._is_local and file is not None and not os.path.exists(file)

    def _at(self, number: int) -> tuple[Any, Any]:
        return self._claims.c.sweep == self._sweep, self._claims.c.setting == number

    def _holders(self, connection: Connection, among: Collection[int] | None = None) -> dict[int, str]:
        import sqlalchemy as sql

        table = self._claims
        asked = sql.select(table.c.setting, table.c.client).where(table.c.sweep == self._sweep)
        rows = connection.execute(asked if among is None else asked.where(table.c.setting.in_(among)))
        return {int(row.setting): str(row.client) for row in rows}

    def _living(self, connection: Connection) -> set[str]:
        import sqlalchemy as sql

        oldest = -math.inf if time.monotonic() < self._trusts_until else self._now(connection) - self._lease_s
        rows = connection.execute(sql.select(self._clients.c.client).where(self._clients.c.beat >= oldest))
        names = {str(row.client) for row in rows}
        return {name for name in names if not self._is_local or _runs(name)} | {_DONE, self.client}

    def _is_free(self, number: int, holder: str, living: Collection[str]) -> bool:
        return number not in self._given if holder == self.client else holder not in living

    def _claim(self, connection: Connection, number: int, holder: str | None) -> bool:
        import sqlalchemy as sql

        table = self._claims
        if holder is not None:
            taken = table.update().where(*self._at(number), table.c.client == holder).values(client=self.client)
            return connection.execute(taken).rowcount == 1
        try:
            with connection.begin_nested():
                connection.execute(table.insert().values(sweep=self._sweep, setting=number, client=self.client))
        except sql.exc.IntegrityError:
            return False
        return True

    def _now(self, connection: Connection) -> float:
        """By the database's clock: those of several machines need not agree."""
        import sqlalchemy as sql

        if self._is_local:
            return time.time()
        when = connection.execute(sql.select(sql.func.current_timestamp())).scalar_one()
        return float(when.timestamp())

    def _begin_to_beat(self) -> None:
        if self._beating is not None:
            return
        self.beat()
        self._ended.clear()
        self._beating = threading.Thread(target=self._keep_beating, name="sweep-claims", daemon=True)
        self._beating.start()

    def _keep_beating(self) -> None:
        import sqlalchemy as sql

        while not self._ended.wait(min(BEAT_S, self._lease_s / 4)):
            try:
                self.beat()
            except sql.exc.SQLAlchemyError as error:  # it may be back at the next beat; until then others may take over
                if self._was_deleted:
                    return
                if not math.isinf(self._trusts_until):
                    _log.warning("the sweep's database does not answer: %s", error)
                self._trusts_until = math.inf
            else:
                if math.isinf(self._trusts_until):
                    self._trusts_until = time.monotonic() + self._lease_s


def _runs(client: str) -> bool:
    """Whether the client's process is there; it may be where nobody can look."""
    host, pid, _ = client.rsplit(":", 2)
    if host != socket.gethostname() or sys.platform == "win32":
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def engine_of(url: str | URL) -> Engine:
    """An engine whose transactions are safe between processes."""
    import sqlalchemy as sql

    address = sql.make_url(url)
    if address.get_backend_name() != "sqlite":
        return sql.create_engine(address, pool_pre_ping=True, **engine_options(address.render_as_string()))
    engine = sql.create_engine(address, connect_args={"timeout": 60.0})

    # SQLite's driver begins transactions late, and then two of them can only fail; this one waits at the beginning.
    @sql.event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @sql.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def engine_options(url: str) -> dict[str, Any]:
    """Arguments of a database's engine: one that cannot be reached is found out in seconds."""
    return {"connect_args": {"connect_timeout": 5}} if url.startswith("postgresql") else {}
