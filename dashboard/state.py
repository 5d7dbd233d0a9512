"""The only file that touches Streamlit's session state and the address.

The run's settings belong to the hub; widgets show them and send what changed. A widget's key is its field's name behind ``set.``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import address, limits, saved
from dashboard.algorithms import NORM_SWITCHES, SWITCHES, choice_of, norm_of
from dashboard.live.server import get_hub
from dashboard.sweeps.form import Draft
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
)
from maml_core.presets import DEFAULT_PRESET, few_shot

_TOKEN, _NOTES, _SHOWN, _NEXT = "page.token", "page.notes", "page.shown", "page.next"
_ASKED = "images.asked"
_SCREEN, _PAGES = "page.screen", "page.pages"
_DRAFT = "page.draft"

Screen = Literal["live", "sensitivity"]

SCRATCH = "view.scratch"
"""Key of the switch for training from scratch, which is no setting of the run."""

MAX_NOTES = 6
"""Sentences about an address that are shown at once."""


def page_token() -> str:
    """This session's page at the hub; opened from the address the first time, or when the hub has forgotten it."""
    hub = get_hub()
    token: str | None = st.session_state.get(_TOKEN)
    if token is None or not hub.knows(token):
        opened = limits.checked(address.read(dict(st.query_params), DEFAULT_PRESET.config), DEFAULT_PRESET.config)
        if reason := limits.why_no_images(opened.config.tasks, shared=is_shared()):
            ask_for_images(opened.config.tasks.kind)
            opened = address.Address(few_shot(GlyphsConfig()), (), (*opened.notes, reason))
        token = hub.open_page(opened.config, opened.timeline)
        st.session_state[_TOKEN] = token
        forget_scratch()
        st.session_state[_NOTES] = [plain(sentence) for sentence in opened.notes[:MAX_NOTES]]
        if len(opened.notes) > MAX_NOTES:
            note(f"... and {len(opened.notes) - MAX_NOTES} more parts of the address that are not understood.")
        show(opened.config)
    elif _NEXT in st.session_state:
        show(st.session_state[_NEXT])
    st.session_state.pop(_NEXT, None)
    return token


def offer_screens(pages: Mapping[Screen, StreamlitPage]) -> None:
    """Remember the screens that this rerun may go to."""
    st.session_state[_PAGES] = pages


def screen(name: Screen) -> StreamlitPage:
    """A screen to link to."""
    found: StreamlitPage = st.session_state[_PAGES][name]
    return found


def enter(name: Screen) -> bool:
    """Say which screen is drawn; whether it is another one than before, whose widgets Streamlit has forgotten."""
    before = st.session_state.get(_SCREEN)
    st.session_state[_SCREEN] = name
    return before is not None and before != name


def open_live(config: RunConfig) -> None:
    """Put a new live run into the place of the page's own; the sweep that it shows goes along."""
    hub = get_hub()
    token = hub.open_page(config)
    hub.inherit_sweep(st.session_state[_TOKEN], token)
    st.session_state[_TOKEN] = token
    forget_scratch()
    st.session_state.pop(_NEXT, None)
    show(config)


def draft() -> Draft:
    """The form of the next sweep, as it was when it was last drawn."""
    found: Draft = st.session_state.get(_DRAFT, Draft())
    return found


def keep_draft(draft: Draft) -> None:
    """Remember the form: Streamlit forgets the widgets of a screen that is left."""
    st.session_state[_DRAFT] = draft


def is_shared() -> bool:
    """Whether others use this server too."""
    return saved.is_shared(st.get_option("server.address"))


def plain(sentence: str) -> str:
    """A sentence that may quote an address, so that none of it acts as Markdown."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:-])", r"\\\1", sentence)


def take_notes() -> list[str]:
    """Sentences to show once."""
    notes: list[str] = st.session_state.pop(_NOTES, [])
    return notes


def note(sentence: str) -> None:
    """Show a sentence with the next drawing of the page."""
    st.session_state.setdefault(_NOTES, []).append(sentence)


def follow_run(names: Sequence[str] | None = None) -> None:
    """Put the run's settings into the widgets, after the server changed them by itself."""
    config = get_hub().config(st.session_state.get(_TOKEN, ""))
    if config is not None:
        show(config, names)


def show(config: RunConfig, names: Sequence[str] | None = None) -> None:
    """Put a config's values into the widgets, or into some of them; only before they are drawn in a rerun."""
    if names is None or "algorithm" in names:
        st.session_state[_SHOWN] = config
    for key, value in widget_values(config).items():
        if names is None or key.removeprefix("set.") in names:
            st.session_state[key] = value


def show_next(config: RunConfig) -> None:
    """Put a config's values into the widgets at the beginning of the next rerun: in this one they are drawn already."""
    st.session_state[_NEXT] = config


def asked_for_images() -> str:
    """Kind of the tasks that were asked for and whose images are not there yet; empty for none."""
    kind: str = st.session_state.get(_ASKED, "")
    return kind


def ask_for_images(kind: str = "") -> None:
    """Have the page say how to get the images of these tasks, or no longer."""
    st.session_state[_ASKED] = kind


def shown() -> RunConfig:
    """The set-up whose algorithm and switches the widgets show: the run's own may follow a moment later, on the hub's loop."""
    config: RunConfig = st.session_state[_SHOWN]
    return config


def widget_values(config: RunConfig) -> dict[str, Any]:
    """What each widget that a config has shows for it."""
    values = {
        "family": config.tasks.kind,
        "shots": config.shots,
        "num_query": config.num_query,
        "meta_batch_size": config.meta_batch_size,
        "algorithm": choice_of(config),
        **{name: getattr(config, name) for name in algorithm_fields(config)},
        "outer_optimizer": config.outer_optimizer,
        "norm": norm_of(config),
        "recompute": config.recompute,
        "seed": config.weights_seed,
        "clip_norm": config.clip_norm,
        "evaluation_steps": config.evaluation_steps,
        "joint_baseline": config.joint_baseline,
        **_of_tasks(config),
        **_of_network(config),
    }
    return {f"set.{name}": value for name, value in values.items()}


def _of_tasks(config: RunConfig) -> dict[str, Any]:
    match config.tasks:
        case SinusoidConfig(noise_std=noise_std) | LinearConfig(noise_std=noise_std):
            return {"noise_std": noise_std, "oracle_baseline": config.oracle_baseline}
        case GlyphsConfig(ways=ways, difficulty=difficulty):
            return {"ways": ways, "difficulty": difficulty}
        case OmniglotConfig(ways=ways, split=split, rotations=rotations):
            return {"ways": ways, "split": split, "rotations": rotations}
        case FolderConfig(ways=ways):
            return {"ways": ways}


def _of_network(config: RunConfig) -> dict[str, Any]:
    model = config.model
    kind = {"model": model.kind} if config.classifies else {}
    if isinstance(model, ConvConfig):
        layers = {"num_filters": model.num_filters, "num_layers": model.num_layers, "downsample": model.downsample}
    else:
        widths = ", ".join(str(width) for width in model.hidden_widths)
        layers = {"hidden_widths": widths, "activation": model.activation}
    return kind | layers


def wants_scratch() -> bool:
    """Whether the switch for training from scratch is on."""
    return bool(st.session_state.get(SCRATCH, False))


def forget_scratch() -> None:
    """Switch training from scratch off, before its widget is drawn in a rerun."""
    st.session_state[SCRATCH] = False


def algorithm_fields(config: RunConfig) -> tuple[str, ...]:
    """The fields of the algorithm, its switches and their horizons that have a widget."""
    horizons = ("epoch_steps", "num_epochs", "multi_step_epochs", "first_order_epochs", "final_beta")
    solver = ("proximal", "num_solver_steps") if config.algorithm == "imaml" else ()
    return ("order", *SWITCHES, *NORM_SWITCHES, *horizons, *solver)


def values() -> dict[str, Any]:
    """What the widgets say now, by field."""
    return {
        str(key).removeprefix("set."): value for key, value in st.session_state.items() if str(key).startswith("set.")
    }
