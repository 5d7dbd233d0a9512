"""Names of settings as people write them, which are also those that a page prints: by symbols and short. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping

from maml_core.config import SHORT_NAMES

SYMBOLS: Mapping[str, str] = {"α": "alpha", "β": "beta", "λ": "proximal"}
"""Greek letters that stand for a setting, whole or as a word of its name."""


def field_name(name: str) -> str:
    """The name of a field that is called by its symbol or its short name; any other as it is.

    >>> [field_name(name) for name in ("α", "final_β", "α at test", "α_test", "N", "λ", "shots")]
    ['alpha', 'final_beta', 'test_alpha', 'test_alpha', 'num_inner_steps', 'proximal', 'shots']
    """
    words = [SYMBOLS.get(word, word) for word in name.replace(" at ", "_").split("_")]
    if words == ["alpha", "test"]:
        words.reverse()
    spelled = "_".join(words)
    return SHORT_NAMES.get(spelled, spelled)
