"""Symbols and names in what the page says: theta_0 is always θ with its index, and what people named stays as they wrote it.

A sentence of the charts' component writes θ_0 and λ_max, and the component draws the indices (`web/common/pieces.js`); a sentence that
Streamlit sets has them as formulas. Nothing here imports streamlit or plotly.
"""

from __future__ import annotations

import re

from maml_core.errors import ConfigError

_NAMES = {"alpha": "α", "beta": "β", "lambda": "λ", "theta": "θ"}
_QUOTED = re.compile(r"""((?<!\w)'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|“[^”]*”|`[^`]*`)""", re.DOTALL)
"""Names as the engine quotes them (`repr`) and as people write them."""
_SPELLED = re.compile(r"(?<![\w/.-])(alpha|beta|lambda|theta)(?=\\?_(?:[0-9kN]|max)\b|(?![\w\\-]))")
_INDEXED = re.compile(r"([θλ])\\?_(\w+)")
_NOT_INDEXED = re.compile(r"(?<=[θλ])(?=\\?_)|(?<=\bN)(?=\\?_eval)")
_NEGATIVE = re.compile(r"(?<![\w^/.\\-])-(?=\.?\d)")
"""The hyphen that a negative number begins with, which is none in a name, a power, a date or behind an escape."""
_JOINER = "\u2060"
"""The word joiner: invisible, and what stands on its two sides is not read as one sign."""
_TEX = {"θ": r"\theta", "λ": r"\lambda"}


def in_greek(sentence: str) -> str:
    """A sentence of the engine with its symbols as the page's charts and dials have them, and minus signs; names and what is quoted stay.

    >>> in_greek("alpha = 1 is 21 times 2 / lambda_max at theta_0; alphabets stay")
    'α = 1 is 21 times 2 / λ_max at θ_0; alphabets stay'
    >>> in_greek("the sweep alpha-beta-1 has no axis 'alpha', and --alpha is a flag")
    "the sweep alpha-beta-1 has no axis 'alpha', and --alpha is a flag"
    >>> in_greek("alpha = -101.0 is not accepted: from -100 to 100, and 1e-3, 2026-11-30 and '-5' stay")
    "α = −101.0 is not accepted: from −100 to 100, and 1e-3, 2026-11-30 and '-5' stay"
    """
    parts = _QUOTED.split(sentence)
    return "".join(
        _NOT_INDEXED.sub(_JOINER, part)
        if at % 2
        else _NEGATIVE.sub("−", _SPELLED.sub(lambda found: _NAMES[found[1]], part))
        for at, part in enumerate(parts)
    )


def in_markdown(sentence: str) -> str:
    """`in_greek` for a sentence that Streamlit sets: with indices as indices.

    >>> in_markdown("theta_0 is moved below 2/λ_max")
    '$\\\\theta_{0}$ is moved below 2/$\\\\lambda_{\\\\max}$'
    """

    def math_of(found: re.Match[str]) -> str:
        index = r"\max" if found[2] == "max" else found[2]
        return f"${_TEX[found[1]]}_{{{index}}}$"

    return _INDEXED.sub(math_of, in_greek(sentence))


_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:&-])")
_DRAWN = re.compile(r"(?<!\S)[<>=~-]{2,3}(?!\S)|:(?=(?:material/\w+|streamlit):)")
"""What Streamlit sets as another sign though it is escaped: arrows, dashes, comparisons, icons."""


def plain(sentence: str) -> str:
    """A sentence that may hold any text, so that Streamlit shows all of it and none of it acts as Markdown.

    >>> print(plain("*a* & :red[b]"))
    \\*a\\* \\& \\:red\\[b\\]
    """
    apart = _DRAWN.sub(lambda found: "".join(sign + _JOINER for sign in found[0]), sentence)
    return _MARKS.sub(r"\\\1", apart)


def literal(name: str) -> str:
    """A name that people gave, for a sentence of which `in_markdown` sets the symbols: `plain`, and its letters stay too.

    >>> in_markdown(f"Opened {literal('theta')}, paused before theta_0.").replace("\u2060", "")
    'Opened theta, paused before $\\\\theta_{0}$.'
    """
    return plain(kept(name))


def kept(name: str) -> str:
    """A name that people gave, for a sentence of the charts' component: nothing in it becomes a symbol."""
    apart = _SPELLED.sub(lambda found: found[0][0] + _JOINER + found[0][1:], name)
    return _NOT_INDEXED.sub(_JOINER, _NEGATIVE.sub(f"-{_JOINER}", apart))


def of_error(error: BaseException) -> str:
    """What an exception says, for a sentence of the charts' component: a refused setting in symbols. All others may name runs, files and
    places, and stay to the letter.

    >>> from maml_core.errors import StoreError
    >>> of_error(ConfigError("alpha", -1.0, "a number from 0"))
    'α = −1.0 is not accepted: a number from 0'
    >>> of_error(StoreError("missing", "there is no sweep my alpha")).replace("\u2060", "")
    'there is no sweep my alpha'
    """
    said = str(error).rstrip(".") or type(error).__name__
    return in_greek(said) if isinstance(error, ConfigError) else kept(said)


_OPENERS = frozenset(
    {"a", "all", "cannot", "choose", "no", "none", "nothing", "somebody", "the", "there", "these", "this"}
)
"""How sentences of errors begin that do not begin with the name of a run, a file or a setting."""


def as_sentence(error: Exception) -> str:
    """What an exception says, as a sentence that stands alone beside a button.

    >>> from maml_core.errors import StoreError
    >>> as_sentence(StoreError("missing", "there is no run mine")), as_sentence(StoreError("damaged", "mine is damaged"))
    ('There is no run mine.', 'mine is damaged.')
    >>> as_sentence(ConfigError("name", "a/b", "letters and digits")), as_sentence(ConfigError("name", "", "write one first"))
    ('The name “a/b” is not accepted: letters and digits.', 'A name is needed: write one first.')
    """
    if isinstance(error, ConfigError) and error.field == "name":
        refused = f"The name “{error.value}” is not accepted" if error.value else "A name is needed"
        return f"{refused}: {error.accepted}."
    said = f"{str(error).rstrip('.')}."
    return f"{said[0].upper()}{said[1:]}" if said.partition(" ")[0] in _OPENERS else said
