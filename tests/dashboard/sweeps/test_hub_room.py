"""Several sweeps on one hub: their turns, and what has no room."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps.quotas import JobKey
from maml_core.errors import ConfigError
from maml_core.sweeps.study import open_study
from tests.dashboard.server.clients import TINY, Clock
from tests.dashboard.sweeps.hubs import Mixed, play, until
from tests.dashboard.sweeps.results import sweep


def test_sweeps_take_turns() -> None:
    class Endless:
        executor = None

        def __init__(self, name: str) -> None:
            self.name = name

        def take_piece(self) -> str:
            return self.name

    hub = Hub(Mixed()).sweeps
    for name in "abc":
        hub.add(JobKey("here", name), Endless(name))  # type: ignore[arg-type]
    assert "".join(found[0].name for found in (hub.next_piece() for _ in range(7)) if found) == "abcabca"


def test_a_shared_server_has_room_for_so_many_sweeps_and_one_that_is_there_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maml_core.errors import StoreError

    monkeypatch.setattr(sweep_actions, "MAX_SWEEPS", 2)
    hub = Hub(Mixed())
    for name in ("one", "two"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), name, root, is_limited=True)
    with pytest.raises(StoreError, match="there are 2 sweeps here, which is all there is room for; delete one first"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "three", root, is_limited=True)
    again = Hub(Mixed())
    sweep_actions.start(again, again.open_page(TINY), sweep(), "two", root, is_limited=True)
    sweep_actions.start(hub, hub.open_page(TINY), sweep(), "three", root, is_limited=False)
    assert sorted(sweep_actions.names(root)) == ["one", "three", "two"]


def test_a_shared_server_computes_two_sweeps_of_a_visitor_at_a_time(root: Path) -> None:
    from maml_core.errors import StoreError

    hub = Hub(Mixed())
    tokens = [hub.open_page(TINY) for _ in range(3)]
    for token, tab in zip(tokens, ("a" * 22, "a" * 22, "b" * 22), strict=True):
        hub.pages.meet(token, tab)
        hub.came(token, {"host": "class.example.edu"})
    for name in ("one", "two"):
        sweep_actions.start(hub, tokens[0], sweep(), name, root, is_limited=True)
    says = "computes 2 sweeps of a visitor at a time, and now one and two; cancel one, or wait until it is done"
    with pytest.raises(StoreError, match=says):
        sweep_actions.start(hub, tokens[1], sweep(), "three", root, is_limited=True)
    sweep_actions.start(hub, tokens[0], sweep(), "two", root, is_limited=True)  # which is on already
    sweep_actions.start(hub, tokens[2], sweep(), "of another", root, is_limited=True)
    job = hub.sweeps.job(sweep_actions.key_of(root, "one"))
    assert job is not None
    job.cancel()
    sweep_actions.start(hub, tokens[1], sweep(), "three", root, is_limited=True)
    page, _ = hub.sweeps.connect(tokens[0])
    page.show(job)
    job.status = "stopped"
    hub.receive_sweeps(tokens[0], page, {"type": "resume"})
    assert job.status == "stopped"


@pytest.mark.parametrize(
    ("limit", "says"),
    [("MAX_BYTES", "the sweeps here take"), ("MIN_FREE_BYTES", "the server's disk is almost full")],
)
def test_a_sweep_that_has_no_room_on_a_shared_disk_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, limit: str, says: str
) -> None:
    from dashboard.setups import workspaces
    from maml_core.errors import StoreError

    open_study(sweep(), "kept", storage=root).close()
    of, most = (sweep_actions, 0) if limit == "MAX_BYTES" else (workspaces, 10**18)
    monkeypatch.setattr(of, limit, most)
    hub = Hub(Mixed())
    with pytest.raises(StoreError, match=says):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "more", root, is_limited=True)
    assert sweep_actions.names(root) == ["kept"]


def test_a_study_of_another_sweep_is_refused(root: Path) -> None:
    from maml_core.errors import StoreError

    hub = Hub(Mixed())
    open_study(sweep(), "s", storage=root).close()
    with pytest.raises(StoreError, match="another sweep"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(num_steps=9), "s", root, is_limited=False)
    with pytest.raises(ConfigError, match="name"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "a/b", root, is_limited=False)


def test_a_scheduler_that_is_none_is_refused_before_anything_is_made(root: Path) -> None:

    hub = Hub(Mixed())
    with pytest.raises(ConfigError, match="tcp://HOST:PORT"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "s", root, is_limited=False, scheduler="somewhere")
    assert list(root.iterdir()) == []


def test_a_sweep_on_machines_of_its_own_leaves_the_live_runs_workers_alone(root: Path) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        elsewhere = Mixed()
        elsewhere.num_workers = 2  # type: ignore[attr-defined]
        token = hub.open_page(TINY)
        key = JobKey(str(root), "s")
        study = open_study(sweep(), "s", storage=root)
        job = hub.sweeps.preparation.new_job(key.name, sweep(), study, {}, elsewhere)  # type: ignore[arg-type]
        hub.start_sweep(token, key, job)
        await until(lambda: job.status == "done")
        assert executor.order == []
        assert set(elsewhere.order) == {"sweep"}

    play(scene)
