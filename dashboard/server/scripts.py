"""What scripts of Streamlit sessions ask of the hub. They run in threads of their own: what they ask for is done on the server's loop while they
wait, so that the sidebar that they draw next shows what the run then is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from dashboard.charts.all import SHARING
from dashboard.live.messages import compare
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server.classes import Classes
from dashboard.server.loop import Loop
from dashboard.server.own_tasks import OwnTasks
from dashboard.server.pages import Pages
from dashboard.server.recovery import usable
from dashboard.setups import address
from dashboard.setups.reach import Reach
from dashboard.setups.settings import Shown
from dashboard.setups.workspaces import entered_with
from dashboard.sweeps.hub import SweepHub
from dashboard.sweeps.job import SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.compiling import Compiler
from maml_core.config import RunConfig
from maml_core.datasets.again import FileConfig
from maml_core.records import Entry
from maml_core.store import SavedRun

T = TypeVar("T")


class Scripts:
    """See the module.

    Args:
        pages: The open pages.
        sweeps: The sweeps.
        executor: Whose workers read the states of saved runs.
        clock: Seconds that only grow.
    """

    def __init__(self, pages: Pages, sweeps: SweepHub, executor: Executor, clock: Callable[[], float]) -> None:
        self.pages = pages
        self.sweeps = sweeps
        self.classes = Classes(pages)
        self._executor = executor
        self.own_tasks = OwnTasks(executor)
        self._clock = clock
        self.loop = Loop()
        self.origins: set[str] = set()
        """From where pages came that Streamlit's own socket has let in; behind a proxy these need not be the host that a request names."""
        self.reach: Reach | None = None
        """Where the server can be reached; None where nobody knows."""
        self.compiler: Compiler | None = None
        """Has the outer steps compiled of runs that train for long; None where they are computed on other machines."""

    def open_page(
        self,
        config: RunConfig,
        timeline: Sequence[Entry] = (),
        *,
        at: int = 0,
        stands_in_for: FileConfig | None = None,
        look: str = "",
        beside: str = "",
    ) -> str:
        """A new page with a run of its own; gives the token that its socket must show.

        Args:
            config: Of the run.
            timeline: Changes to make when their step is reached.
            at: The outer step that the run had taken where the page's address was written.
            stands_in_for: See `LiveRun`.
            look: The chart to show in the place of the paths; empty for these.
            beside: What to compare the run with; empty for nothing.
        """
        return self._opened(LiveRun(config, timeline, at=at, stands_in_for=stands_in_for), look, beside)

    def open_beside(self, token: str) -> str:
        """A new page that watches the run of another, with a task, a metric and a chart of the weights of its own; gives its token.

        Raises:
            KeyError: The other page is not known.
        """
        other = self.pages.get(token)
        if other is None:
            raise KeyError(token)
        return self._opened(other.run)

    def _opened(self, run: LiveRun, look: str = "", beside: str = "") -> str:
        page = Page(run, self._clock(), self.reach)
        _look(page, look, beside)
        self.pages.add(page)
        return page.token

    def knows(self, token: str) -> bool:
        """Whether a page with this token is open."""
        return self.pages.get(token) is not None

    def config(self, token: str) -> RunConfig | None:
        """The current settings of a page's run; None where the page is no longer known."""
        page = self.pages.get(token)
        return page.run.config if page is not None else None

    def sidebar(self, token: str) -> Shown | None:
        """What the sidebar of a page is to show; None where the page is no longer known."""
        page = self.pages.get(token)
        return page.run.shown if page is not None else None

    def awaited(self, token: str) -> address.Address | None:
        """The run that a page's address asks for, whose images are not there yet; None where all is there."""
        page = self.pages.get(token)
        found = page.run.origin.awaited(page.run.changes) if page is not None else None
        if page is None or found is None:
            return None
        return found._replace(look=page.viewer.look, beside=page.viewer.choices.beside)

    def stop_waiting(self, token: str) -> None:
        """A page's run stays as it is, whatever its address asked for."""

        def stop(page: Page) -> None:
            page.run.origin.stands_in_for = None

        self._on_loop(stop, token)

    def drawn(self, token: str, shown: Shown) -> None:
        """The sidebar of a page shows this now; it is drawn again when the run has come to differ from it."""

        def note(page: Page) -> None:
            page.drawn = shown.values

        self._on_loop(note, token)

    def change(self, token: str, changes: Mapping[str, Any]) -> None:
        """Change settings of a page's run, for its sidebar; what cannot change while training restarts it.

        Raises:
            ConfigError: A value is not accepted; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.change(changes, now=self._clock()), token)

    def restart(self, token: str, build: Callable[[RunConfig], RunConfig]) -> None:
        """Start a page's run again with another set-up, made from the current one, for its sidebar.

        Raises:
            ConfigError: The set-up is not accepted; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.restart(build(page.run.config)), token)

    def show_scratch(self, token: str, wanted: bool) -> None:
        """Show training from scratch beside a page's run, or no longer, for its sidebar.

        Raises:
            ConfigError: That would take too long with this set-up; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.audience.show_scratch(wanted, page.run.config), token)

    def step(self, token: str) -> int:
        """Outer steps that a page's run has taken; 0 where the page is no longer known."""
        page = self.pages.get(token)
        return page.run.step if page is not None else 0

    def tab(self, token: str) -> str | None:
        """What the browser tab of a page proves itself with; None until its socket has said hello."""
        page = self.pages.get(token)
        return page.tab if page is not None else None

    def workspace(self, token: str) -> str:
        """Name of the workspace that a page's visitor has entered; empty for none."""
        page = self.pages.get(token)
        return page.workspace if page is not None else ""

    def enter_workspace(self, token: str, name: str) -> None:
        """Remember the workspace of a page, as long as its tab is there. Raises StoreError where the page has entered too many."""
        page = self.pages.get(token)
        if page is not None:
            page.entered |= entered_with(name, page.entered)
            page.workspace = name

    def saved_run(self, token: str, name: str) -> SavedRun | None:
        """A page's run as it can be saved; None where there is nothing yet. Waits for the loop: for other threads only.

        Raises:
            StoreError: The loop does not answer.
        """
        return self._ask(lambda page: page.run.saved(name), token)

    def open_run(self, token: str, saved: SavedRun, *, called: str = "") -> None:
        """Put a saved run in the place of a page's run, paused. Waits for a worker and for the loop: for other threads only.

        Args:
            token: Of the page.
            saved: The run.
            called: What it is called among the presets, if it stands there.

        Raises:
            ConfigError: The set-up is too large for a live page.
            StoreError: It has a problem of its own, or the run's state cannot be used. The page's run is as it was, as with any other error.
        """
        history = usable(saved, self._executor)
        self._from_sidebar(lambda page: page.run.open(saved, history, called=called), token)

    def before(self, token: str) -> SavedRun | None:
        """The run before the last restart of a page's run; None where there is none."""
        page = self.pages.get(token)
        return page.run.before if page is not None else None

    def undo(self, token: str) -> None:
        """Bring the run before the last restart back, for a page's sidebar.

        Raises:
            ValueError: There is none.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.undo(), token)

    def start_sweep(self, token: str, key: JobKey, job: SweepJob) -> None:
        """Compute a sweep and show it on a page; of one that is held already, go on."""

        def start() -> None:
            self.sweeps.add(key, job).resume()
            self.sweeps.watch(token, key)

        self.loop.post(start)

    def show_sweep(self, token: str, key: JobKey | None, job: SweepJob | None = None) -> None:
        """Show a sweep on a page, at rest if it is not held already; None for none."""

        def show() -> None:
            if key is not None and job is not None:
                self.sweeps.add(key, job)
            self.sweeps.watch(token, key)

        self.loop.post(show)

    def inherit_sweep(self, old: str, new: str) -> None:
        """Show the sweep of a page on the one that takes its place."""
        self.loop.post(lambda: self.sweeps.inherit(old, new))

    def forget_sweep(self, key: JobKey, *, why: str, by: str) -> None:
        """Let go of a sweep that is about to be deleted, as `SweepHub.forget`. Waits for the loop: for other threads only.

        Raises:
            StoreError: The loop does not answer.
        """
        self.loop.done(lambda: self.sweeps.forget(key, why=why, by=by))

    def _ask(self, action: Callable[[Page], T], token: str) -> T | None:
        """Have the loop do something with a page, and wait for what comes out; None where the page is not known."""

        def act() -> T | None:
            page = self.pages.get(token)
            if page is None:
                return None
            try:
                return action(page)
            finally:
                self.pages.tell(page.run)

        return self.loop.answer(act)

    def _from_sidebar(self, action: Callable[[Page], None], token: str) -> None:
        """Have the loop do what a page's sidebar asks for; the sidebar is drawn right afterwards and need not be told."""

        def act(page: Page) -> None:
            page.drawn = page.run.playback.held = None
            page.touched_at = self._clock()
            action(page)

        self._ask(act, token)

    def _on_loop(self, action: Callable[[Page], None], token: str) -> None:
        def act() -> None:
            page = self.pages.get(token)
            if page is not None:
                self.pages.attempt(page, lambda: action(page))

        self.loop.post(act)


def _look(page: Page, look: str, beside: str) -> None:
    """Show the charts that an address asks for, and compare the run as it asks; what it asks in vain is said."""
    chart, _, second = look.partition(",")
    if chart in SHARING:
        page.viewer.choose_weights_chart(chart)
    elif chart:
        page.notice = f"The address asks for a chart {chart!r}, which this page does not have: it shows the paths."
    if second:
        try:
            page.viewer.choose_tasks_chart(second)
        except ValueError:
            page.notice = f"The address asks for a chart {second!r} in the place of the held-out tasks, where it is not to be had: these are shown."
    try:
        compare(page, beside)
    except ValueError as error:
        page.notice = f"The address asks for a comparison that is not made: {error}."
