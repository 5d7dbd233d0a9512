"""Pages of paper: HTML without anything that moves or loads, which prints on A4 and is read on a phone. Nothing here imports torch."""

from __future__ import annotations

import html
import re

_STYLE = """
:root { color-scheme: light; }
body { max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; background: #fff; color: #1f2430; font: 1rem/1.45 "Source Sans 3", "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 0.5rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 0.4rem; break-after: avoid; }
p { margin: 0.4rem 0; }
.about { color: #555c69; }
.fields { display: flex; flex-wrap: wrap; gap: 0.4rem 2rem; margin: 0.8rem 0; }
.fields span { flex: 1 1 10rem; border-bottom: 1px solid #1f2430; padding-top: 0.8rem; }
.questions, .options { margin: 0; padding-left: 1.6rem; }
.questions > li { margin: 1.1rem 0; break-inside: avoid; }
.options { list-style: none; padding-left: 0; margin-top: 0.3rem; }
.options li { display: flex; gap: 0.5rem; margin: 0.15rem 0; }
.options b { flex: none; width: 1.25em; height: 1.25em; margin-top: 0.12em; border: 1.2px solid #1f2430; border-radius: 3px; font-size: 0.8em; line-height: 1.25; text-align: center; }
.unknown { color: #555c69; }
.said { border-left: 4px solid #0072b2; padding-left: 0.7rem; font-weight: 600; }
.asked { break-inside: avoid; }
figure { margin: 0.8rem 0; break-inside: avoid; }
figure svg { display: block; width: 100%; max-width: 34rem; height: auto; }
figcaption { color: #555c69; font-size: 0.95rem; }
.key { display: inline-flex; align-items: center; gap: 0.35em; margin-right: 1em; white-space: nowrap; }
.key svg { width: 26px; height: 10px; flex: none; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid #c9ced6; padding: 0.3rem 0.5rem 0.3rem 0; text-align: left; vertical-align: top; }
tr { break-inside: avoid; }
footer { margin-top: 2rem; border-top: 1px solid #c9ced6; padding-top: 0.4rem; color: #555c69; font-size: 0.9rem; }
@page { size: A4; margin: 15mm 16mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; } figure svg { max-width: 11cm; } figure .key svg { max-width: 26px; } h2 { margin-top: 1rem; } .questions > li { margin: 0.7rem 0; } }
"""

_SYMBOL = re.compile(r"\b(theta|lambda|alpha|beta)(?:_(\w+))?\b")
_LETTERS = {"theta": "θ", "lambda": "λ", "alpha": "α", "beta": "β"}


def page(title: str, body: str) -> str:
    """A whole document."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body.strip()}\n</body>\n</html>\n"
    )


def rich(text: str) -> str:
    """A sentence of a lesson as HTML: symbols in Greek with their indices, names of controls emphasised.

    >>> rich("Press *Inner step*: before adapting (theta_0) & after")
    'Press <em>Inner step</em>: before adapting (θ<sub>0</sub>) &amp; after'
    """

    def symbol(found: re.Match[str]) -> str:
        index = f"<sub>{found[2]}</sub>" if found[2] else ""
        return f"{_LETTERS[found[1]]}{index}"

    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", _SYMBOL.sub(symbol, html.escape(text, quote=False)))
