"""The sidebar: everything of a set-up but alpha, beta and N, which people drag and which therefore live in the component.

Each widget sends its own field when it changes; what cannot change while a run trains says that it restarts.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import image_tasks, state
from dashboard.algorithms import (
    NAMES,
    NORM_SWITCHES,
    NORMS,
    SWITCHES,
    Chosen,
    NormSwitch,
    Switch,
    chosen,
    normalized,
    norms_of,
    switched,
    why_no_order,
    why_not,
)
from dashboard.limits import why_no_images
from dashboard.live.server import get_hub
from dashboard.pretrained import Pretrained, pretrained
from dashboard.runs_panel import runs
from dashboard.sending import chooser, field_restarter, restarter, scratch_sender, sender
from dashboard.setups import FAMILIES, FAMILY_NAMES, NETWORK_FIELDS, with_family, with_kind, with_network
from dashboard.text import LESSON, LESSON_IMAGES
from maml_core.config import (
    ConvConfig,
    GlyphsConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    replace,
)
from maml_core.errors import ConfigError, StoreError
from maml_core.presets import PRESETS
from maml_core.store import load_run

_RESTARTS = " Changing it restarts the run from outer step 0."


def sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### MAML, live")
        runs(token)
    config = state.shown()
    _presets(token)
    _tasks(token, config)
    _numbers(token, config)
    _algorithm(token, config)
    _order(token, config)
    _choices(token)
    _network(token, config)
    with st.popover("More settings", icon=":material/tune:", width="stretch"):
        _more(token, config)
    with st.popover("A first lesson", icon=":material/school:", width="stretch"):
        st.markdown(LESSON_IMAGES if config.classifies else LESSON)


def _help(name: str, owner: type[Any] = RunConfig) -> str:
    text: str = owner.__dataclass_fields__[name].metadata["help"]
    return text


def _presets(token: str) -> None:
    ready = pretrained()

    def start() -> None:
        name = st.session_state["preset"]
        st.session_state["preset"] = None  # so that the same one can be chosen again
        state.ask_for_images()
        if name in ready:
            _open(token, ready[name])
        elif (preset := next((p for p in PRESETS if p.name == name), None)) is None:
            return
        elif reason := why_no_images(preset.config.tasks, shared=state.is_shared()):
            state.note(reason)
            state.ask_for_images(preset.config.tasks.kind)
        else:
            get_hub().restart(token, lambda _: preset.config)
            state.show(preset.config)
            st.session_state["preset.started"] = preset

    st.selectbox(
        "Preset",
        [*(preset.name for preset in PRESETS), *ready],
        index=None,
        placeholder="Start from a preset ...",
        key="preset",
        on_change=start,
        help="A whole set-up. Choosing one restarts the run; the curves so far stay as a pale ghost.",
    )
    started = st.session_state.get("preset.started")
    if started is not None:
        st.caption(f"**{started.name}.** {started.teaches}")


def _open(token: str, run: Pretrained) -> None:
    try:
        get_hub().open_run(token, load_run(run.folder))
    except (StoreError, ConfigError) as error:
        state.note(f"{error}.")
        return
    state.follow_run()
    st.session_state["preset.started"] = run


def _algorithm(token: str, config: RunConfig) -> None:
    st.selectbox(
        "Algorithm",
        list(NAMES),
        format_func=NAMES.__getitem__,
        key="set.algorithm",
        on_change=chooser(token, lambda c, v: chosen(c, v["algorithm"])),
        help="FOMAML is MAML of first order, MAML++ is MAML with its four switches on."
        + _RESTARTS
        + " What contradicts it is reset, with a note.",
    )
    if config.algorithm == "imaml":
        left, right = st.columns(2)
        left.number_input(
            "λ (proximal)",
            min_value=0.0,
            max_value=1e6,
            step=1.0,
            format="%g",
            key="set.proximal",
            on_change=field_restarter(token, "proximal"),
            help=_help("proximal") + _RESTARTS,
        )
        right.number_input(
            "Solver steps",
            1,
            200,
            key="set.num_solver_steps",
            on_change=field_restarter(token, "num_solver_steps"),
            help=_help("num_solver_steps") + _RESTARTS,
        )
    with st.popover("MAML++ switches", icon=":material/toggle_on:", width="stretch"):
        _switches(token, config)


def _switches(token: str, config: RunConfig) -> None:
    """The switches and, below each, its horizon; one that cannot act says why."""

    said: set[str] = set()

    def toggle(name: Switch | NormSwitch) -> None:
        reason = why_not(config, name)
        st.toggle(
            {**SWITCHES, **NORM_SWITCHES}[name],
            key=f"set.{name}",
            disabled=bool(reason),
            on_change=chooser(token, lambda c, v: switched(c, name, v[name])),
            help=_help(name) + _RESTARTS,
        )
        if reason and reason not in said:
            said.add(reason)
            st.caption(reason)

    def horizon(label: str, name: str, switch: Switch) -> None:
        st.number_input(
            label,
            1,
            1_000_000,
            key=f"set.{name}",
            disabled=not getattr(config, switch),
            on_change=field_restarter(token, name),
            help=_help(name) + _RESTARTS,
        )

    toggle("multi_step_loss")
    horizon("Epochs until only the last step counts", "multi_step_epochs", "multi_step_loss")
    toggle("per_step_rates")
    toggle("anneal_order")
    horizon("Epochs of first order", "first_order_epochs", "anneal_order")
    toggle("anneal_beta")
    horizon("Epochs until β has fallen", "num_epochs", "anneal_beta")
    left, right = st.columns(2)
    left.number_input(
        "β at the end",
        min_value=0.0,
        max_value=100.0,
        step=1e-5,
        format="%g",
        key="set.final_beta",
        disabled=not config.anneal_beta,
        on_change=field_restarter(token, "final_beta"),
        help=_help("final_beta") + _RESTARTS,
    )
    right.number_input(
        "Steps an epoch",
        1,
        1_000_000,
        key="set.epoch_steps",
        disabled=not (config.multi_step_loss or config.anneal_order or config.anneal_beta),
        on_change=field_restarter(token, "epoch_steps"),
        help=_help("epoch_steps") + _RESTARTS,
    )
    toggle("per_step_norm")
    toggle("per_step_statistics")


def _order(token: str, config: RunConfig) -> None:
    reason = why_no_order(config)
    st.segmented_control(
        "Order",
        ["second", "first"],
        format_func={"second": "Second", "first": "First"}.__getitem__,
        required=True,
        key="set.order",
        disabled=bool(reason),
        on_change=chooser(token, lambda c, v: Chosen(replace(c, {"order": v["order"]}))),
        help=f"{reason} {_help('order')}".strip(),
        width="stretch",
    )


def _tasks(token: str, config: RunConfig) -> None:
    def choose() -> None:
        kind = state.values()["family"]
        state.ask_for_images()
        if why_no_images(FAMILIES[kind](), shared=state.is_shared()):  # a folder has to be named first
            state.ask_for_images(kind)  # the run stays until the images are there
            state.follow_run(("family",))
        else:
            chooser(token, with_family)()

    st.selectbox(
        "Tasks",
        list(FAMILY_NAMES),
        format_func=FAMILY_NAMES.__getitem__,
        key="set.family",
        on_change=choose,
        help="Curves: y = A sin(x - phase), the paper's regression tasks, or y = w x, where everything has a closed form. Images: name "
        "the class of a drawing after one look at each class; from one to the other the settings of a demo are taken."
        + _RESTARTS,
    )
    image_tasks.images_wanted(token, config)
    if isinstance(config.tasks, GlyphsConfig):
        st.slider(
            "Difficulty",
            0.0,
            1.0,
            step=0.05,
            key="set.difficulty",
            on_change=chooser(token, with_family),
            help=_help("difficulty", GlyphsConfig) + _RESTARTS,
        )
    if isinstance(config.tasks, OmniglotConfig):
        left, right = st.columns(2, vertical_alignment="bottom")
        left.selectbox(
            "Held out",
            ["alphabets", "background", "random"],
            key="set.split",
            on_change=chooser(token, with_family),
            help=_help("split", OmniglotConfig) + _RESTARTS,
        )
        right.toggle(
            "Rotations",
            key="set.rotations",
            on_change=chooser(token, with_family),
            help=_help("rotations", OmniglotConfig) + _RESTARTS,
        )


def _numbers(token: str, config: RunConfig) -> None:
    left, right = st.columns(2)
    if config.classifies:
        left.number_input(
            "Ways",
            2,
            20,
            key="set.ways",
            on_change=chooser(token, with_family),
            help=_help("ways", GlyphsConfig) + _RESTARTS,
        )
        right.number_input("Shots", 1, 100, key="set.shots", on_change=sender(token, "shots"), help=_help("shots"))
        left, right = st.columns(2)
        left.number_input(
            "Query / class", 1, 500, key="set.num_query", on_change=sender(token, "num_query"), help=_help("num_query")
        )
    else:
        left.number_input("Shots", 1, 100, key="set.shots", on_change=sender(token, "shots"), help=_help("shots"))
    right.number_input(
        "Tasks / step",
        1,
        500,
        key="set.meta_batch_size",
        on_change=sender(token, "meta_batch_size"),
        help=_help("meta_batch_size"),
    )


def _choices(token: str) -> None:
    st.segmented_control(
        "Outer optimiser",
        ["adam", "sgd"],
        format_func={"adam": "Adam", "sgd": "Plain SGD"}.__getitem__,
        required=True,
        key="set.outer_optimizer",
        on_change=sender(token, "outer_optimizer"),
        help=_help("outer_optimizer") + " A switch forgets the moments.",
        width="stretch",
    )


def _network(token: str, config: RunConfig) -> None:
    if config.classifies:
        st.segmented_control(
            "Network",
            ["conv", "mlp"],
            format_func={"conv": "Convolutional", "mlp": "MLP"}.__getitem__,
            required=True,
            key="set.model",
            on_change=chooser(token, with_kind),
            help="The papers' four convolutional layers, or their fully connected network of 256, 128, 64 and 64 units."
            + _RESTARTS,
            width="stretch",
        )
    left, right = st.columns([3, 2])
    if isinstance(config.model, ConvConfig):
        left.number_input(
            "Filters",
            1,
            128,
            step=8,
            key="set.num_filters",
            on_change=restarter(token, with_network, *NETWORK_FIELDS),
            help=_help("num_filters", ConvConfig) + _RESTARTS,
        )
    else:
        left.text_input(
            "Hidden widths",
            key="set.hidden_widths",
            on_change=restarter(token, with_network, *NETWORK_FIELDS),
            help="Units of each hidden layer, for example 40, 40; empty for a linear model." + _RESTARTS,
        )
    right.number_input(
        "Seed",
        0,
        2**31 - 1,
        key="set.seed",
        on_change=restarter(token, lambda c, v: replace(c, {"weights_seed": v["seed"], "tasks_seed": v["seed"]})),
        help="Of the initial weights and of the training tasks; the held-out tasks stay the same." + _RESTARTS,
    )


def _more(token: str, config: RunConfig) -> None:
    if isinstance(config.model, ConvConfig):
        left, right = st.columns(2)
        left.number_input(
            "Layers",
            1,
            4,
            key="set.num_layers",
            on_change=restarter(token, with_network, *NETWORK_FIELDS),
            help=_help("num_layers", ConvConfig) + _RESTARTS,
        )
        right.selectbox(
            "Halving",
            ["stride", "max_pool"],
            format_func={"stride": "Stride of 2", "max_pool": "Max-pool"}.__getitem__,
            key="set.downsample",
            on_change=restarter(token, with_network, *NETWORK_FIELDS),
            help=_help("downsample", ConvConfig) + _RESTARTS,
        )
    else:
        st.selectbox(
            "Activation",
            ["relu", "tanh", "gelu", "softplus"],
            key="set.activation",
            on_change=restarter(token, with_network, *NETWORK_FIELDS),
            help=_help("activation", MLPConfig) + _RESTARTS,
        )
    st.selectbox(
        "Normalisation" if isinstance(config.model, ConvConfig) else "Batch norm",
        norms_of(config),
        format_func=NORMS.__getitem__,
        key="set.norm",
        on_change=chooser(token, lambda c, v: normalized(c, v["norm"])),
        help=_help("batch_norm_treatment") + _RESTARTS,
    )
    reason = "" if config.algorithm not in ("reptile", "imaml") else "This algorithm stores no inner gradients. "
    st.toggle(
        "Recompute inner gradients",
        key="set.recompute",
        disabled=bool(reason),
        on_change=sender(token, "recompute"),
        help=reason + _help("recompute"),
    )
    if not config.classifies:
        st.number_input(
            "Query points", 1, 500, key="set.num_query", on_change=sender(token, "num_query"), help=_help("num_query")
        )
    st.number_input(
        "Clip norm",
        min_value=0.0,
        max_value=1e6,
        value=None,
        placeholder="off",
        key="set.clip_norm",
        on_change=sender(token, "clip_norm"),
        help=_help("clip_norm"),
    )
    if not config.classifies:
        st.number_input(
            "Noise",
            0.0,
            100.0,
            step=0.1,
            key="set.noise_std",
            on_change=chooser(token, with_family),
            help=_help("noise_std", SinusoidConfig) + _RESTARTS,
        )
    st.number_input(
        "Inner steps at evaluation",
        0,
        100,
        key="set.evaluation_steps",
        on_change=field_restarter(token, "evaluation_steps"),
        help=_help("evaluation_steps") + _RESTARTS,
    )
    st.toggle(
        "Joint pretraining beside it",
        key="set.joint_baseline",
        on_change=field_restarter(token, "joint_baseline"),
        help=_help("joint_baseline") + _RESTARTS,
    )
    if not config.classifies:
        st.toggle(
            "Oracle beside it",
            key="set.oracle_baseline",
            on_change=field_restarter(token, "oracle_baseline"),
            help=_help("oracle_baseline") + _RESTARTS,
        )
    st.toggle(
        "From scratch, to convergence",
        key=state.SCRATCH,
        on_change=scratch_sender(token),
        help="For each held-out task, train the initial weights on its support points alone until that stops helping. It takes a few "
        "seconds, again when shots or query points change, and is left out where the set-up is too large for that.",
    )
