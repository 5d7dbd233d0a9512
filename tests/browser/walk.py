"""A random walk through the controls of both screens, from a seed.

After every action three things agree: what each control shows, what the address says, and what the run is; and of the run only that
changed which was asked for. `python -m tests.browser.walk --walks 200 --seed 1` walks until something does not hold, and says where.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from dashboard import address
from dashboard.algorithms import NAMES, NORMS
from dashboard.settings import SETTINGS, on_the_page
from dashboard.setups import FAMILY_NAMES
from maml_core.config import RunConfig, from_dict, replace
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from tests.browser.live_page import LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

WAIT_MS, POLL_MS = 20_000, 100

SHOWN = """() => {
  const found = {};
  for (const node of document.querySelectorAll("[class*=st-key-set-], [class*=st-key-sweep-], .st-key-preset, .st-key-view-scratch")) {
    const key = [...node.classList].find((name) => name.startsWith("st-key-")).slice(7);
    const group = node.querySelector("[role=radiogroup]"), input = node.querySelector("input");
    if (group) found[key] = group.querySelector("[aria-checked=true]")?.innerText ?? null;
    else if (input) found[key] = input.type === "checkbox" ? input.checked : input.value;
  }
  return found;
}"""
ENABLED = """() => [...document.querySelectorAll("[class*=st-key-set-]")]
  .filter((node) => !node.querySelector("input:disabled, [aria-disabled=true], button:disabled:not([aria-label])"))
  .map((node) => [...node.classList].find((name) => name.startsWith("st-key-set-")).slice(11))"""

WORDS: dict[str, dict[str, str]] = {
    "family": FAMILY_NAMES,
    "algorithm": dict(NAMES),
    "norm": dict(NORMS),
    "order": {"second": "Second", "first": "First"},
    "outer_optimizer": {"adam": "Adam", "sgd": "Plain SGD"},
    "model": {"conv": "Convolutional", "mlp": "MLP"},
    "downsample": {"stride": "Stride of 2", "max_pool": "Max-pool"},
    "activation": {name: name for name in ("relu", "tanh", "gelu", "softplus")},
}
"""What the choices of lists and segments are called, by setting."""
SEGMENTS = ("order", "outer_optimizer", "model")
VALUES: dict[str, tuple[Any, ...]] = {
    "shots": (1, 2, 5, 9, 12),
    "meta_batch_size": (1, 4, 10, 12),
    "num_query": (1, 3, 10, 15),
    "ways": (2, 3, 5),
    "seed": (0, 1, 7, 2147483647),
    "num_filters": (2, 4, 8),
    "num_layers": (2, 3, 4),
    "evaluation_steps": (0, 3, 5, 10),
    "noise_std": (0.0, 0.1, 0.5),
    "proximal": (1.0, 5.0, 20.0),
    "num_solver_steps": (1, 5, 9),
    "multi_step_epochs": (1, 15, 20),
    "first_order_epochs": (1, 10, 50),
    "num_epochs": (2, 60, 100),
    "final_beta": (0.0001, 0.001),
    "epoch_steps": (5, 50, 500),
    "hidden_widths": ("40, 40", "8", "", "16, 8, 4"),
    "clip_norm": ("", "1", "10", "0.5"),
}
BAD: dict[str, tuple[Any, ...]] = {
    "shots": (0, 101),
    "meta_batch_size": (0, 501),
    "seed": (-1,),
    "num_query": (0,),
    "hidden_widths": ("forty", "0", "4.5"),
    "clip_norm": ("0", "much"),
    "noise_std": (-1.0,),
    "evaluation_steps": (-1, 101),
}
SWEEP = {"num_steps": (50, 120, 300), "num_seeds": (1, 2, 3), "num_rungs": (2, 4, 6)}
DIALS: dict[str, tuple[float, ...]] = {
    "alpha": (0.005, 0.01, 0.02, 0.03),
    "beta": (0.0005, 0.001, 0.002),
    "num_inner_steps": (1, 2, 3, 5),
}
POPOVERS = {"live": ("More settings", "MAML++ switches"), "sensitivity": ("Rungs and pruning", "Past one machine")}


class Broken(AssertionError):
    """Something does not hold; says after which actions."""


class Walk:
    """One walk on an open page of the default set-up.

    Args:
        live: The page.
        seed: Decides every action.
    """

    def __init__(self, live: LivePage, seed: int) -> None:
        self.live = live
        self.seed = seed
        self.random = random.Random(seed)
        self.screen = "live"
        self.done: list[str] = []
        self.sweep: dict[str, int] = {"num_steps": 300, "num_seeds": 1, "num_rungs": 6}
        self.expected = self.run

    @property
    def run(self) -> RunConfig:
        """What the run is, as the server told the page last."""
        config: RunConfig = from_dict(self.live.page.evaluate("mamlLive.config"))
        return config

    def go(self, num_actions: int) -> Walk:
        """Take so many actions, and see after each that all agree."""
        self.hold()
        for _ in range(num_actions):
            action = self.random.choice(self._actions())
            action()
            self.hold()
        return self

    def hold(self) -> None:
        """Wait until all that can be read agrees.

        Raises:
            Broken: It does not come to agree.
        """
        waited = 0
        while (what := self._disagreement()) and waited < WAIT_MS:
            self.live.page.wait_for_timeout(POLL_MS)
            waited += POLL_MS
        if what:
            raise Broken(f"seed {self.seed}, after {self.done}: {what}")

    def _disagreement(self) -> str:
        shown: dict[str, Any] = self.live.page.evaluate(SHOWN)
        if self.screen == "sensitivity":
            for name, value in self.sweep.items():
                text = shown.get(f"sweep-{name}")
                if text is not None and text != str(value):
                    return f"{name} shows {text!r}, the form has {value}"
            return ""
        run = self.run
        if run != self.expected:
            fields = (f for f in RunConfig.__dataclass_fields__ if getattr(run, f) != getattr(self.expected, f))
            changes = (f"{f} {getattr(run, f)!r} (asked for: {getattr(self.expected, f)!r})" for f in fields)
            return f"the run has {', '.join(changes)}; the controls show {shown}"
        for name, value in on_the_page(run).items():
            if (text := shown.get(f"set-{name}")) is not None and not _says(name, text, value):
                return f"{name} shows {text!r}, the run has {value!r}"
        for name in DIALS:
            if float(self.live.field(name).input_value()) != getattr(run, name):
                return (
                    f"the dial of {name} shows {self.live.field(name).input_value()}, the run has {getattr(run, name)}"
                )
        preset = next((preset.name for preset in PRESETS if preset.config == run), "")
        if shown["preset"] != preset:
            return f"the preset shows {shown['preset']!r}, the run is {preset or 'none'!r}"
        query = dict(parse_qsl(urlsplit(self.live.page.url).query, keep_blank_values=True))
        said = address.read(query, PRESETS[0].config)
        config = said.config
        for entry in said.timeline:
            config = replace(config, entry.changes)
        return "" if config == run else f"the address says {query}"

    # What can be done

    def _actions(self) -> list[Callable[[], None]]:
        popovers = [lambda name=name: self._toggle_popover(name) for name in POPOVERS[self.screen]]
        if self.screen == "sensitivity":
            return [self._change_sweep, self._change_sweep, *popovers, self._to_live]
        settings = [self._choose] * 6
        return [
            *settings,
            *popovers,
            self._refuse,
            self._dial,
            self._preset,
            self._reload,
            self._train,
            self._to_sensitivity,
        ]

    def _close(self) -> None:
        if self.live.page.locator("[data-testid=stPopoverBody]").count():
            self.live.page.mouse.click(self.live.page.evaluate("innerWidth") - 4, 4)  # as people do: beside it
            self.live.page.locator("[data-testid=stPopoverBody]").wait_for(state="detached")
            self.live.wait_synced()

    def _toggle_popover(self, name: str) -> None:
        self.done.append(f"popover {name}")
        self._close()
        self.live.page.get_by_role("button", name=name).click()
        self.live.page.locator("[data-testid=stPopoverBody]").wait_for()
        self.live.wait_synced()

    def _choose(self) -> None:
        names = [name for name in self.live.page.evaluate(ENABLED) if name in SETTINGS]
        name = self.random.choice(names)
        now = on_the_page(self.expected)[name]
        if isinstance(now, bool):
            value: Any = not now
        elif name in WORDS:
            value = self.random.choice([key for key in self._offered(name) if key != now])
        elif name in VALUES:
            value = self.random.choice(VALUES[name])
        else:
            return
        self.done.append(f"{name} {value!r}")
        with contextlib.suppress(ConfigError):  # refused: everything stays
            self.expected = SETTINGS[name].chosen(self.expected, value).config
        self._enter(name, value)

    def _offered(self, name: str) -> list[str]:
        if name == "family":
            return ["sinusoid", "linear", "glyphs"]
        if name == "norm":
            return [key for key in WORDS[name] if key != "group" or self.expected.model.kind == "conv"]
        return list(WORDS[name])

    def _enter(self, name: str, value: Any) -> None:
        widget = self._widget(f"set-{name}")
        if isinstance(value, bool):
            widget.locator("label").first.click()
        elif name in SEGMENTS:
            widget.get_by_role("radio", name=WORDS[name][value]).click()
        elif name in WORDS:
            widget.get_by_role("combobox").click()
            self.live.page.get_by_role("option", name=WORDS[name][value], exact=True).click()
        else:
            self._type(widget, value)
        self.live.wait_synced()

    def _type(self, widget: Locator, value: Any) -> None:
        field = widget.locator("input")
        field.fill(str(value))
        field.press("Enter")

    def _widget(self, key: str) -> Locator:
        return self.live.page.locator(f".st-key-{key}")

    def _refuse(self) -> None:
        names = [name for name in self.live.page.evaluate(ENABLED) if name in BAD]
        name = self.random.choice(names)
        value = self.random.choice(BAD[name])
        self.done.append(f"{name} {value!r}, which is refused")
        self._enter(name, value)

    def _dial(self) -> None:
        self._close()
        name = self.random.choice(list(DIALS))
        if self.live.field(name).is_disabled():
            return
        value = self.random.choice(DIALS[name])
        self.done.append(f"{name} {value}")
        try:
            self.expected = replace(self.expected, {name: value})
        except ConfigError:
            return
        self.live.set(**{name: value})

    def _preset(self) -> None:
        self._close()
        preset = self.random.choice(
            [p for p in PRESETS if p.name in ("Fast demo", "ANIL", "MAML++", "Glyphs, fast demo")]
        )
        if preset.config == self.expected:
            return
        self.done.append(f"preset {preset.name}")
        self.expected = preset.config
        self.live.choose("Preset", preset.name)
        self.live.wait_synced()

    def _reload(self) -> None:
        self.done.append("reload")
        self.hold()  # the address is written within a second
        self.live.page.reload()
        self.live.wait_drawn()
        self.live.wait_synced()

    def _train(self) -> None:
        self._close()
        self.done.append("train")
        self.live.action("outer").click()

    def _to_sensitivity(self) -> None:
        self._close()
        self.done.append("to Sensitivity")
        self.live.page.get_by_role("link", name="Sensitivity").click()
        self._widget("sweep-num_steps").wait_for()
        self.live.wait_synced()
        self.screen = "sensitivity"

    def _to_live(self) -> None:
        self._close()
        self.done.append("to Live")
        self.live.page.get_by_role("link", name="Live").click()
        self.live.wait_drawn()
        self._widget("set-shots").wait_for()
        self.live.wait_synced()
        self.screen = "live"

    def _change_sweep(self) -> None:
        names = [name for name in SWEEP if self._widget(f"sweep-{name}").count()]
        name = self.random.choice(names)
        value = self.random.choice(SWEEP[name])
        self.done.append(f"sweep's {name} {value}")
        self.sweep[name] = value
        self._type(self._widget(f"sweep-{name}"), value)
        self.live.wait_synced()


def _says(name: str, text: Any, value: Any) -> bool:
    if isinstance(value, bool) or name in ("hidden_widths", "clip_norm"):
        return bool(text == value)
    if name in WORDS:
        return bool(text == WORDS[name][value])
    if isinstance(value, int | float):
        return float(text) == value
    return bool(text == value)


def main(arguments: list[str]) -> int:
    """Walk on a server of its own; 1 where a walk broke."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import browser_path, launch_options, new_page
    from tests.browser.server import Server

    parser = argparse.ArgumentParser(description="Random walks through the page's controls.")
    parser.add_argument("--walks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first walk; the others follow")
    parser.add_argument("--actions", type=int, default=15, help="of each walk")
    options = parser.parse_args(arguments)
    broken = 0
    server = Server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**launch_options(browser_path() or ""))
            for seed in range(options.seed, options.seed + options.walks):
                live = new_page(browser)
                try:
                    Walk(live.open(server.url), seed).go(options.actions)
                    print(f"walk {seed} holds", flush=True)
                except Exception as error:
                    broken += 1
                    print(f"walk {seed} broke: {error}", flush=True)
                live.context.close()
            browser.close()
    finally:
        server.stop()
    print(f"{options.walks - broken} of {options.walks} walks hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
