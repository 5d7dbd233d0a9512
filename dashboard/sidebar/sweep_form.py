"""The sidebar of the sensitivity screen: what to sweep, what that will take, and the sweeps that there are."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import streamlit as st

from dashboard.charts.symbols import as_sentence, in_markdown, literal, plain
from dashboard.server.start import get_hub
from dashboard.setups.setting_names import SWEEP_LABELS
from dashboard.setups.sweep_axes import Offer, offer_of
from dashboard.setups.sweep_costs import budget_words
from dashboard.setups.sweep_draft import (
    GRID_ORDERS,
    SAMPLERS,
    Draft,
    Range,
    base_of,
    bases,
    check_work,
    default_range,
    draft_of,
    offered,
    other_axes,
    refusal,
    suggested_name,
    sweep_of,
    with_base,
)
from dashboard.sidebar import state, sweep_actions
from dashboard.sidebar.kept_sweeps import CHOSEN, name_and_file, panel, taking_in
from dashboard.sidebar.presses import close_said, forget_said
from dashboard.sidebar.sweep_actions import Storage
from maml_core.config import RunConfig
from maml_core.errors import ClusterError, ConfigError, DataError, StoreError
from maml_core.sweeps.databases import without_password
from maml_core.sweeps.definition import SweepConfig, fingerprint
from maml_core.sweeps.images import can_move

_BUDGET, _SAID = "sweep.budget", "sweep.said"
_EARLIER = "sweep.earlier"
_LOST, _FOLDER = "sweep.lost", "sweep.folder"
BACK = "It can be brought back until the next one is deleted."
MEASURE_S = 2.5
"""How long the page waits for a measured step before it draws on."""


def sweep_sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    hub = get_hub()
    live = hub.config(token) or RunConfig()
    place = place_of(token)
    _form(token, live, place)
    draft = state.draft()
    state.show_draft_in_address()
    sweep, problem = None, ""
    try:
        sweep = sweep_of(draft, live)
        check_work(sweep)
    except ConfigError as error:
        sweep, problem = None, refusal(error)
    wrong_name = _wrong_name(draft.name.strip(), sweep, place)
    for said in filter(None, (in_markdown(plain(problem)), wrong_name)):
        st.warning(said, icon=":material/block:")
    # No empty place: it would lose its line until all is drawn, and move what is below.
    room = st.container(key="sweep-budget")
    name = draft.name.strip() or _usual_name(token, draft, live, place)
    pressed = st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=sweep is None or place is None or bool(wrong_name),
        key="sweep.start",
    )
    if pressed and sweep is not None and place is not None and not wrong_name:
        _start(token, sweep, name, place)
    _show_said()
    _find_images(token, place)
    _earlier(token, place)
    if not state.is_shared():
        popover = st.popover(
            "Past one machine", icon=":material/lan:", width="stretch", key="sweep.elsewhere", on_change="rerun"
        )
        if popover.open:
            with popover:
                _past_one_machine(draft)
    if sweep is not None:
        room.caption(_budget(sweep))


def place_of(token: str) -> Storage | None:
    """Where this page's sweeps are kept; None while a shared server does not know the tab."""
    if not state.is_shared():
        return sweep_actions.own_place(state.draft().storage)
    tab = get_hub().tab(token)
    return sweep_actions.shared_place(tab, get_hub().workspace(token)) if tab is not None else None


def _form(token: str, live: RunConfig, place: Storage | None) -> None:
    """The form of the next sweep: its widgets show the draft, and each changes its own part of it."""
    draft = state.draft()
    _select("base", "Base set-up", bases(draft), help="What every setting shares, but for the axes.")
    base = base_of(draft, live)
    known = offered(base)
    draft = with_base(draft, base)
    key = _key("axes")
    st.multiselect(
        "Axes",
        list(known),
        key=key,
        **state.holding(key, list(draft.axes), _take, default="default"),
        args=("axes",),
        format_func=lambda name: known[name].label,
        placeholder="Choose what varies ...",
        help="The first goes across the map, the second up.",
    )
    for name in draft.axes:
        if known[name].is_range:
            _range(draft, known[name])
        else:
            _list(draft, known[name])
    _text(
        "others",
        draft.others,
        "Other axes",
        placeholder=other_axes(base),
        help="Any field of the set-up, as the command line writes it, with semicolons between axes: words and numbers as lists, ranges by both ends "
        "(amplitude=0.1..5,0.1..1: other held-out tasks, so that results do not compare), and after if the values of another axis with which an axis counts (proximal=0.5,2 if algorithm=imaml).",
    )
    left, right = st.columns(2)
    _count("num_steps", draft.num_steps, where=left, help="Of every setting.")
    _count(
        "num_seeds",
        draft.num_seeds,
        where=right,
        help="Each setting is trained from so many seeds; the interval is then over seeds.",
    )
    _select(
        "sampler",
        SWEEP_LABELS["sampler"],
        list(SAMPLERS),
        format_func=SAMPLERS.__getitem__,
        help="Grid: all combinations. Random and Sobol (even coverage) draw settings, TPE draws where it is good.",
    )
    if draft.sampler != "grid":
        _count("num_settings", draft.num_settings, help="How many settings the sampler draws from the axes.")
    popover = st.popover(
        "Rungs and pruning", icon=":material/tune:", width="stretch", key="sweep.rungs", on_change="rerun"
    )
    if popover.open:
        with popover:
            _rungs(draft)
    _text(
        "name",
        draft.name,
        "Name",
        placeholder=_usual_name(token, draft, live, place),
        help="Of the sweep and of its folder. Empty: the name that is shown. A sweep of the same name and settings goes on where it was; "
        "what is finished stays, whatever happens.",
    )


def _rungs(draft: Draft) -> None:
    st.caption(
        "A rung is a look at every setting on the held-out tasks, at equal distances on the way. Pruning stops the worst there, so that the "
        "time goes to the others."
    )
    _count(
        "num_rungs",
        draft.num_rungs,
        help="How often a setting is judged on the held-out tasks: the points of its curve.",
    )
    if draft.sampler == "grid":
        _select(
            "grid_order",
            SWEEP_LABELS["grid_order"],
            list(GRID_ORDERS),
            format_func=GRID_ORDERS.__getitem__,
            help="Which settings come first. Coarse to fine: the ends and the middle of each axis, then what lies between, so that an unfinished map can "
            "be read. The results are the same.",
        )
    key = _key("prune_percent")
    st.slider(
        SWEEP_LABELS["prune"],
        0,
        90,
        step=5,
        format="%d%%",
        key=key,
        **state.holding(key, draft.prune_percent, _take),
        args=("prune_percent",),
        help="The share of the settings that stops at each rung but the last: the worst.",
    )


def _key(field: str) -> str:
    return f"sweep.{field}"


def _take(field: str) -> None:
    """Put what a widget says into its part of the draft: a field, or a part of an axis as `alpha.low`."""
    draft, value = state.draft(), st.session_state[_key(field)]
    name, _, part = field.rpartition(".")
    if not name:
        change: dict[str, Any] = {field: tuple(value) if field == "axes" else value}
        draft = dataclasses.replace(draft, **change)
    elif part == "list":
        draft = dataclasses.replace(draft, lists={**draft.lists, name: value})
    else:
        draft = dataclasses.replace(draft, ranges={**draft.ranges, name: _shown_range(draft, name)})
    state.keep_draft(draft)


def _shown_range(draft: Draft, name: str) -> Range:
    """The range of an axis as its widgets show it; a sampler has none for the points."""
    before = draft.ranges.get(name) or default_range(offer_of(name))
    shown = {
        part: st.session_state[key] for part in Range._fields if (key := _key(f"{name}.{part}")) in st.session_state
    }
    return before._replace(**shown)


def _count(field: str, value: int, label: str = "", *, where: Any = st, **options: Any) -> None:
    """A whole number: it takes any, and the sweep says what it does not accept, so that what stands there is what counts."""
    key = _key(field)
    label = label or SWEEP_LABELS[field]
    where.number_input(label, step=1, key=key, **state.holding(key, value, _take), args=(field,), **options)


def _text(field: str, value: str, label: str, **options: Any) -> None:
    key = _key(field)
    st.text_input(label, key=key, **state.holding(key, value, _take), args=(field,), **options)


def _select(field: str, label: str, options: list[str], **more: Any) -> None:
    key = _key(field)
    held = state.holding(key, getattr(state.draft(), field), _take, default="index")
    if "index" in held:
        held["index"] = options.index(held["index"])
    st.selectbox(label, options, key=key, **held, args=(field,), **more)


def _range(draft: Draft, offer: Offer) -> None:
    value = draft.ranges.get(offer.name) or default_range(offer)
    is_grid = draft.sampler == "grid"
    st.caption(offer.label)
    # The third label is the longest: in the narrow sidebar of a tablet it would have two lines.
    columns = st.columns((1.0, 1.0, 1.15) if is_grid else 2, gap="xsmall", vertical_alignment="bottom")
    for where, part, number in zip(columns, ("low", "high"), (value.low, value.high), strict=False):
        key = _key(f"{offer.name}.{part}")
        where.number_input(
            f"{offer.symbol} {'from' if part == 'low' else 'to'}",
            format="%g",
            step=0.001,
            key=key,
            **state.holding(key, number, _take),
            args=(f"{offer.name}.{part}",),
            help=f"The {'smallest' if part == 'low' else 'largest'} value of {offer.label}. Values between lie evenly on a scale of powers.",
        )
    if is_grid:
        points_help = f"How many values of {offer.symbol} there are, both ends included."
        _count(f"{offer.name}.points", value.points, f"{offer.symbol} values", where=columns[2], help=points_help)


def _list(draft: Draft, offer: Offer) -> None:
    of = f", of {', '.join(offer.choices)}" if offer.choices else ""
    text = draft.lists.get(offer.name, offer.start)
    _text(f"{offer.name}.list", text, offer.label, help=f"Values with commas between them{of}.")


def _usual_name(token: str, draft: Draft, live: RunConfig, place: Storage | None) -> str:
    """The name of a sweep without one: of the sweep that is shown while the form says the same, so that *Start* twice starts one; else a free one."""
    page, shown = get_hub().sweeps.page(token), None
    if page is not None and page.job is not None and place is not None:
        shown = page.job if get_hub().sweeps.job(sweep_actions.key_of(place, page.job.name)) is page.job else None
    with contextlib.suppress(ConfigError):
        if shown is not None and fingerprint(shown.sweep) == fingerprint(sweep_of(draft, live)):
            return shown.name
    return suggested_name(draft, _names(place))


def _wrong_name(name: str, sweep: SweepConfig | None, place: Storage | None) -> str:
    """Why a sweep cannot have the name that was typed, in a sentence that is set already; empty where it can."""
    try:
        if name and place is not None:
            sweep_actions.check_free(get_hub(), name, sweep, place)
    except (ConfigError, StoreError) as error:
        return plain(as_sentence(error))
    return ""


def _names(place: Storage | None) -> list[str]:
    try:
        return sweep_actions.names(place) if place is not None else []
    except (ConfigError, StoreError):
        return []  # said where the sweeps are listed


def _budget(sweep: SweepConfig) -> str:
    """What it will take; measured once for a sweep."""
    key = fingerprint(sweep)
    known: dict[str, str] = st.session_state.setdefault(_BUDGET, {})
    if key not in known:
        found = sweep_actions.estimate(get_hub(), sweep, MEASURE_S)
        if found.seconds != found.seconds:  # not measured yet: another rerun asks again
            return f"**{budget_words(found)}**"
        known.clear()
        known[key] = budget_words(found)
    return f"**{known[key]}**"


def _start(token: str, sweep: SweepConfig, name: str, place: Storage) -> None:
    st.session_state.pop(_LOST, None)
    try:
        scheduler = "" if state.is_shared() else state.draft().scheduler
        was_done = sweep_actions.start(
            get_hub(), token, sweep, name, place, is_limited=state.is_shared(), scheduler=scheduler
        )
    except ConfigError as error:  # of a setting
        _say(in_markdown(plain(as_sentence(error))))
    except (ClusterError, DataError, StoreError) as error:  # of a name or a place
        if isinstance(error, DataError):
            _ask_for_images(name, sweep)
        _say(plain(as_sentence(error)))
    else:
        st.query_params[state.SWEEP] = name
        state.let_page_be_seen()
        if was_done:
            st.info(f"{plain(name)} was done already, and is shown. Another name begins it anew.")


def _say(sentence: str) -> None:
    """Show a sentence, which is set already, with the next drawing of the form."""
    st.session_state[_SAID] = sentence


def _show_said() -> None:
    if sentence := st.session_state.pop(_SAID, ""):
        st.error(sentence)


def _ask_for_images(name: str, sweep: SweepConfig) -> None:
    """Have the form ask where the images of a sweep lie now, where that may help."""
    if can_move(sweep) and not state.is_shared():
        st.session_state[_LOST] = name


def _find_images(token: str, place: Storage | None) -> None:
    """A field for where the images lie of a sweep that cannot go on without them."""
    name: str | None = st.session_state.get(_LOST)
    if name is None or place is None or name not in _names(place):
        return
    with st.form("sweep.images", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        path = left.text_input(
            f"Where the images of {plain(name)} lie now",
            key=_FOLDER,
            placeholder="folder or zip file",
            help="The same images, wherever their folder or zip file is now. Others are refused, and the sweep stays as it is.",
        )
        pressed = right.form_submit_button("Find", width="stretch")
    if not pressed:
        return
    folder = path.strip().strip("\"'")
    with st.spinner("Reading the images ..."):
        if folder:
            _attempt(lambda *_: show_sweep(token, name, place, folder=folder), token, name, place)
        else:
            _say("Type where the images lie now: a folder, or a zip file.")
    st.rerun()


def _earlier(token: str, place: Storage | None) -> None:
    popover = st.popover("Earlier sweeps", icon=":material/history:", width="stretch", key=_EARLIER, on_change="rerun")
    if not popover.open:
        close_said()
        return
    with popover, panel():
        if place is None:
            st.caption("The page is still connecting; open this again in a moment.")
            return
        try:
            names, deleted = sweep_actions.names(place), sweep_actions.deleted(place)
        except (ConfigError, StoreError) as error:
            st.error(plain(as_sentence(error)))
            return
        if names:
            if (
                st.session_state.get(CHOSEN) not in names
            ):  # deleted meanwhile; without a new one the browser goes on showing it
                st.session_state[CHOSEN] = names[0]
            name = st.selectbox(
                "Sweep",
                names,
                key=CHOSEN,
                on_change=forget_said,
                help="By its name. Opening it shows its map; one that was stopped can go on.",
            )
            left, right = st.columns(2)
            left.button("Open", key="sweep.open", width="stretch", on_click=_attempt, args=(_open, token, name, place))
            right.button(
                "Delete",
                key="sweep.delete",
                width="stretch",
                on_click=_attempt,
                args=(_delete, token, name, place),
                help="One that this server computes ends first. "
                + (BACK if sweep_actions.keeps_deleted(place) else "For good: the study and its curves."),
            )
            name_and_file(token, name, place)
        else:
            url = state.draft().storage.strip()
            where = f"No sweeps are kept in {plain(without_password(url))} yet; see that this address is right."
            st.caption(where if url and not state.is_shared() else "None yet.")
        if deleted is not None:
            st.button(
                f"Bring back {plain(deleted)}",
                icon=":material/undo:",
                type="tertiary",
                key="sweep.restore",
                on_click=_attempt,
                args=(_restore, token, deleted, place),
            )
        st.divider()
        taking_in(place)


def _attempt(action: Any, token: str, name: str, place: Storage) -> None:
    forget_said()
    try:
        action(token, name, place)
    except (ConfigError, StoreError) as error:
        _say(plain(as_sentence(error)))


def _open(token: str, name: str, place: Storage) -> None:
    show_sweep(token, name, place)
    st.query_params[state.SWEEP] = name
    st.session_state[_EARLIER] = False  # it would lie over the map
    state.let_page_be_seen()


def show_sweep(token: str, name: str, place: Storage, *, folder: str | None = None) -> None:
    """Show a sweep on a page, and its settings in the form, as far as a form can say them. Where its images are not there it is said, and
    the form asks where they lie now.

    Raises:
        ConfigError, StoreError: There is none, or it cannot be read.
    """
    hub = get_hub()
    st.session_state.pop(_SAID, None)
    opened = sweep_actions.open_sweep(hub, token, name, place, folder=folder)
    sweep = opened.sweep
    st.session_state.pop(_LOST, None)
    if opened.lost is not None:
        _ask_for_images(name, sweep)
        _say(plain(f"{opened.lost}."))
    elif folder is not None:
        state.note(literal(f"The images of {name} are found: Resume goes on with it."))
    if opened.note:
        state.note(literal(f"{opened.note[:1].upper()}{opened.note[1:]}."))
    draft, before = draft_of(sweep, name, hub.config(token) or RunConfig()), state.draft()
    if draft is not None:
        # A name that nobody has typed stays a proposal: where the form is changed, the next sweep has another one.
        typed = name if before.name.strip() == name else ""
        kept = dataclasses.replace(draft, name=typed, scheduler=before.scheduler, storage=before.storage)
        state.keep_draft(kept)


def _delete(token: str, name: str, place: Storage) -> None:
    sweep_actions.delete(get_hub(), token, name, place)
    if st.query_params.get(state.SWEEP) == name:
        del st.query_params[state.SWEEP]


def _restore(_token: str, _name: str, place: Storage) -> None:
    st.session_state[CHOSEN] = sweep_actions.restore(place)


def _past_one_machine(draft: Draft) -> None:
    st.caption("For sweeps that one machine would take too long for. Both may stay empty.")
    _text(
        "scheduler",
        draft.scheduler,
        "Scheduler",
        placeholder="this machine's own workers",
        help="Address of a Dask scheduler, such as tcp://host:8786: its workers then compute the sweep. Live runs stay here.",
    )
    _text(
        "storage",
        draft.storage,
        "Storage URL",
        placeholder="a folder on this machine",
        help="A database that several machines write one sweep to, such as postgresql://user@host/sweeps. Empty: a folder.",
    )
