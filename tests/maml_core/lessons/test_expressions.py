"""Expressions over measured numbers: what they are worth, what stays unknown, and what is not executed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.lessons.expressions import evaluate, filled, is_condition, names_filled, names_in

NAMES = {"a.x": 2.0, "b.look.y": 0.5, "nan": math.nan, "inf": math.inf}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.x + 2 * b.look.y", 3.0),
        ("-a.x / 4", -0.5),
        ("abs(b.look.y - a.x)", 1.5),
        ("max(a.x, 3, 1) - min(a.x, 1)", 2.0),
        ("1 / 0", math.nan),
        ("nowhere + 1", math.nan),
        ("max(1, nowhere)", math.nan),
        ("inf", math.inf),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert evaluate(text, NAMES) == pytest.approx(value, nan_ok=True)
    assert not is_condition(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 < a.x <= 2", True),
        ("1 < a.x < 2", False),
        ("a.x == 2 and not b.look.y > 1", True),
        ("a.x > 5 or b.look.y < 1", True),
        ("nan < 1", False),
        ("not nan < 1", False),  # unknown stays unknown, whichever way it is asked
        ("nan < 1 or a.x > 1", True),
        ("not (nan < 1 and a.x > 5)", True),
        ("nowhere > 1 and a.x > 1", False),
        ("inf > 1000000", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert evaluate(text, NAMES) is holds
    assert is_condition(text)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 1e3))
def test_arithmetic_is_that_of_python(a: float, b: float, c: float) -> None:
    names = {"s.a": a, "s.b": b, "s.c": c}
    assert evaluate("(s.a - s.b) * s.c / (s.c + 1)", names) == (a - b) * c / (c + 1)
    assert evaluate("s.a < s.b", names) is (a < b)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "a.x ** 9",
        "a.x if a.x else 1",
        "[1][0]",
        "a.x != 1",
        "'text'",
        "True",
        "print(1)",
        "max()",
        "max(*a.x)",
        "a.x.__class__()",
        "lambda: 1",
        "a +",
        "",
        "a = 1",
        "1 < 2; 3",
        "f'{a}'",
    ],
)
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="an expression has"):
        names_in(text)


def test_names() -> None:
    assert names_in("a.x < max(b.look.y, 2) and not guess > 1") == {"a.x", "b.look.y", "guess"}
    assert names_filled("{a.x:.2f} and {b.look.y / a.x:.0%}, {{not this}}") == {"a.x", "b.look.y"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{a.x:.2f}: {b.look.y:.0%}", "2.00: 50%"),
        ("{a.x * 1000:,.0f} steps", "2,000 steps"),
        ("{inf:.1f} {nan:.1f} {-inf:.1f} {nowhere:.1f}", "infinity no number minus infinity no number"),
        ("{a.x * 12345678:.2f}", "2 · 10^7"),
        ("{{a}}", "{a}"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert filled(template, NAMES) == text


@pytest.mark.parametrize("template", ["{", "}", "{}", "{a.x:.2q}", "{a.x!r:}{b[0]}", "{open('x')}"])
def test_templates_that_cannot_be_filled(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        names_filled(template)


def test_a_value_is_never_text() -> None:
    found: Any = evaluate("a.x", NAMES)
    assert type(found) is float
