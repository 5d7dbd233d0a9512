"""Random walks through the controls of both screens, each from a seed.

After every action three things agree: what each control shows, what the address says, and what the run is; and of the run only that
changed which was asked for. `python -m tests.browser.walk --walks 200 --seed 1` walks until something does not hold, and says where;
with `--coverage` it says how often each control of the page was used, and which was not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter

from tests.browser.walking import controls
from tests.browser.walking.actions import offered, who_uses
from tests.browser.walking.walk import Walk


def main(arguments: list[str]) -> int:
    """Walk on a server of its own; 1 where a walk broke."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import HEADLESS_NAMES, browser_path, launch_options, new_page
    from tests.browser.server import Server

    options = parsed(arguments)
    broken, seen = 0, set[str]()
    used: Counter[str] = Counter()
    folder = tempfile.TemporaryDirectory()  # its own runs and sweeps, not those of whoever walks
    os.environ.update(MAML_RUNS=f"{folder.name}/runs", MAML_SWEEPS=f"{folder.name}/sweeps")
    server = Server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**launch_options(browser_path(HEADLESS_NAMES) or ""))
            for seed in options.seeds or range(options.seed, options.seed + options.walks):
                live, began = new_page(browser), time.monotonic()
                if options.coverage:
                    controls.watch(live.page)
                live.open(server.url)
                walk = Walk(live, seed)
                try:
                    walk.go(options.actions, offered)
                    assert live.errors == []
                    print(f"walk {seed} holds, in {time.monotonic() - began:.0f} s", flush=True)
                except Exception as error:
                    broken += 1
                    again = f"python -m tests.browser.walk --walks 1 --seed {seed} --actions {options.actions}"
                    print(f"walk {seed} broke after {walk.done}: {error}\nOnce more: {again}", flush=True)
                    if options.pictures:
                        live.page.screenshot(path=f"{options.pictures}/walk-{seed}.png")
                if options.coverage:
                    seen, used = seen | walk.seen, used + walk.used
                live.context.close()
            browser.close()
    finally:
        server.stop()
        folder.cleanup()
    if options.coverage:
        print(coverage(seen, used))
    walks = len(options.seeds or range(options.walks))
    print(f"{walks - broken} of {walks} walks hold")
    return 1 if broken else 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description="Random walks through the page's controls.")
    parser.add_argument("--walks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first walk; the others follow")
    parser.add_argument("--seeds", type=int, nargs="+", help="of each walk, in place of --walks and --seed")
    parser.add_argument("--actions", type=int, default=15, help="of each walk")
    parser.add_argument(
        "--coverage", action="store_true", help="say how often each control was used, and which was not"
    )
    parser.add_argument("--pictures", help="folder for a picture of each page on which a walk broke")
    return parser.parse_args(arguments)


def coverage(seen: set[str], used: Counter[str]) -> str:
    """How often each control was used, the most used first, and which could have been and was not, with why."""
    lines = [f"{count:6} {name}" for name, count in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
    for name in sorted(seen - used.keys()):
        user = who_uses(name)
        why = "no action knows it" if user is None else user if isinstance(user, str) else f"for {user.__name__}"
        lines.append(f" never {name} ({why})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
