"""What must agree after each action: what every control shows, what the address says, and what the run is."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dashboard.setups import address
from dashboard.setups.settings import on_the_page
from dashboard.setups.sweep_draft import GRID_ORDERS, SAMPLERS, Draft, base_of, default_range, offered
from maml_core.config import RunConfig, from_dict, replace
from maml_core.presets import PRESETS
from tests.browser.live_page import LivePage
from tests.browser.walking.values import DIALS, SWEEP, WORDS

_SHOWN = """() => {
  const found = {};
  for (const node of document.querySelectorAll("[class*=st-key-set-], [class*=st-key-sweep-], .st-key-preset, .st-key-view-scratch")) {
    const key = [...node.classList].find((name) => name.startsWith("st-key-")).slice(7);
    const group = node.querySelector("[role=radiogroup]"), input = node.querySelector("input");
    const tags = node.querySelector("[data-testid=stMultiSelect]");
    if (group) found[key] = group.querySelector("[aria-checked=true]")?.innerText ?? null;
    else if (tags) found[key] = tags.querySelector("[data-testid=stMultiSelectTagsContainer]").innerText.split("\\n").filter(Boolean);
    else if (input) found[key] = input.type === "checkbox" ? input.checked : input.value;
  }
  return found;
}"""


def shown(live: LivePage) -> dict[str, Any]:
    """What the sidebar's controls show, by their keys."""
    found: dict[str, Any] = live.page.evaluate(_SHOWN)
    return found


def run_of(live: LivePage) -> RunConfig:
    """What the run is, as the server told the page last."""
    config: RunConfig = from_dict(live.page.evaluate("mamlLive.config"))
    return config


def run_disagrees(live: LivePage, expected: RunConfig, least_step: int) -> str:
    """Where a run, its controls and its address are not what was asked for; empty where they are."""
    run, controls = run_of(live), shown(live)
    if run != expected:
        fields = (f for f in RunConfig.__dataclass_fields__ if getattr(run, f) != getattr(expected, f))
        changes = (f"{f} {getattr(run, f)!r} (asked for: {getattr(expected, f)!r})" for f in fields)
        return f"the run has {', '.join(changes)}; the controls show {controls}"
    if live.step < least_step and live.status not in ("Diverged", "Network dead"):
        return f"the run stands at step {live.step}, and has been at {least_step}"
    for name, value in on_the_page(run).items():
        if (text := controls.get(f"set-{name}")) is not None and not says(name, text, value):
            return f"{name} shows {text!r}, the run has {value!r}"
    for name in DIALS:
        if float(live.field(name).input_value()) != getattr(run, name):
            return f"the dial of {name} shows {live.field(name).input_value()}, the run has {getattr(run, name)}"
    preset = next((preset.name for preset in PRESETS if preset.config == run), "")
    if controls.get("preset") != preset:
        return f"the preset shows {controls.get('preset')!r}, the run is {preset or 'none'!r}"
    return "" if said_by(live.page.url) == run else f"the address says {query_of(live.page.url)}"


def form_disagrees(live: LivePage, draft: Draft, live_run: RunConfig) -> str:
    """Where the sweep's form shows another thing than was written into it; empty where it does not."""
    controls, known = shown(live), offered(base_of(draft, live_run))
    axes = [known[name].label for name in draft.axes if name in known]
    if controls.get("sweep-axes") != axes:
        return f"the axes show {controls.get('sweep-axes')}, the form has {axes}"
    for name in SWEEP:
        text, value = controls.get(f"sweep-{name.replace('.', '-')}"), drafted(draft, name, base_of(draft, live_run))
        if text is not None and not says(name, text, value):
            return f"{name} shows {text!r}, the form has {value!r}"
    return ""


def drafted(draft: Draft, name: str, base: RunConfig) -> Any:
    """What a draft of a base has for a field of the form, by the name of its widget."""
    axis, _, part = name.rpartition(".")
    if not axis:
        return getattr(draft, name)
    if part == "list":
        return draft.lists.get(axis, offered(base)[axis].start)
    return getattr(draft.ranges.get(axis) or default_range(offered(base)[axis]), part)


def query_of(url: str) -> dict[str, str]:
    """The settings of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def said_by(url: str) -> RunConfig:
    """What a run is at the end of what an address says of it."""
    said = address.read(query_of(url), PRESETS[0].config)
    config = said.config
    for entry in said.timeline:
        config = replace(config, entry.changes)
    return config


def says(name: str, text: Any, value: Any) -> bool:
    """Whether a control that shows this text shows this value."""
    if isinstance(value, bool) or name in ("hidden_widths", "clip_norm"):
        return bool(text == value)
    if name in WORDS:
        return bool(text == WORDS[name][value])
    if name in ("sampler", "grid_order"):
        return bool(text == {**SAMPLERS, **GRID_ORDERS}[value])
    if isinstance(value, int | float):
        return float(text) == value
    return bool(text == value)
