"""Conditions and numbers that lessons write over what was measured, read without executing anything.

Numbers, names with dots, ``+ - * /``, comparisons (also chained ones), ``and``, ``or``, ``not``, ``abs``, ``min`` and ``max``. What was not
measured, or is no number, is unknown: a comparison with it is neither true nor false, and a condition that stays unknown does not hold.
"""

from __future__ import annotations

import ast
import math
import operator
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from maml_core.wording import with_minus

Value = float | bool | None
"""None: a condition that is unknown."""

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda above, below: above / below if below != 0.0 else math.nan,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"abs": abs, "min": min, "max": max}

_ACCEPTED = "numbers, names, + - * /, < <= > >= ==, and, or, not, abs(), min(), max()"

_LARGE = 1e6
"""From here on a number is written as a power of ten."""


def evaluate(text: str, names: Mapping[str, float]) -> float | bool:
    """The value of an expression: a number (NaN for one that is not known), or whether a condition holds.

    Raises:
        ValueError: The text is no such expression.

    >>> evaluate("start.loss / 2", {"start.loss": 3.0}), evaluate("0 < a.x <= 1 and not b.y > 2", {"a.x": 0.5, "b.y": 1.0})
    (1.5, True)
    >>> evaluate("a.x < 1", {}), evaluate("not a.x < 1", {}), evaluate("a.x < 1 or 1 < 2", {})
    (False, False, True)
    """
    value = _value(_parsed(text), names)
    return False if value is None else value


def is_condition(text: str) -> bool:
    """Whether an expression is true or false, and no number.

    >>> is_condition("a.x < 1"), is_condition("a.x - 1")
    (True, False)
    """
    return isinstance(_parsed(text), ast.Compare | ast.BoolOp) or (
        isinstance(found := _parsed(text), ast.UnaryOp) and isinstance(found.op, ast.Not)
    )


def names_in(text: str) -> frozenset[str]:
    """The names that an expression is over.

    Raises:
        ValueError: The text is no expression.

    >>> sorted(names_in("trained.loss_after < min(start.loss_after, 2) and guess > 1"))
    ['guess', 'start.loss_after', 'trained.loss_after']
    """
    return frozenset(_names(_parsed(text)))


def names_filled(template: str) -> frozenset[str]:
    """The names that a template is filled with.

    Raises:
        ValueError: A brace without its other half, or what stands in them is no expression.

    >>> sorted(names_filled("From {a.x:.2f} to {b.x / 2:.0%}."))
    ['a.x', 'b.x']
    """
    return frozenset(name for _, text, _ in _fields(template) if text for name in names_in(text))


def filled(template: str, names: Mapping[str, float]) -> str:
    """A sentence with numbers in the place of its braces, each an expression and how it is written: ``{trained.loss_after:.2f}``.

    >>> filled("From {a:.2f} to {a / 100:.0%}: {a:.0f} steps.", {"a": 20.0})
    'From 20.00 to 20%: 20 steps.'
    >>> filled("{a:.2f}, {b:.2f}, {c:+.1f}", {"a": -0.02, "b": -3.2e14, "c": 2.0})
    '−0.02, −3 · 10^14, +2.0'
    >>> filled("{a:.2f}, {b:.2f}, {c:.2f}", {"a": float("inf"), "b": 3.2e14})
    'infinity, 3 · 10^14, no number'
    """
    return "".join(
        before + (_written(evaluate(text, names), spec) if text else "") for before, text, spec in _fields(template)
    )


def _fields(template: str) -> Iterator[tuple[str, str, str]]:
    """What stands before each pair of braces, the expression in them (empty at the end), and how its value is written."""
    for before, text, spec, _ in string.Formatter().parse(template):
        if text is not None and not text.strip():
            raise ValueError("there is nothing between the braces")
        if text is not None:
            format(1.0, spec or "")
        yield before, text or "", spec or ""


def _written(value: float, spec: str) -> str:
    if math.isnan(value):
        return "no number"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if abs(value) >= _LARGE:
        digits, _, power = f"{value:.0e}".partition("e")
        return with_minus(f"{digits} · 10^{int(power)}")
    return with_minus(format(float(value), spec))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    try:
        found = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{text!r} cannot be read; an expression has {_ACCEPTED}") from None
    for _ in _names(found):
        pass
    return found


def _names(node: ast.expr) -> Iterator[str]:
    """The names under a node, while everything else there is checked."""
    match node:
        case ast.Constant(value=bool() | str() | bytes() | None):
            raise ValueError(f"{node.value!r} is no number; an expression has {_ACCEPTED}")
        case ast.Constant(value=int() | float()):
            return
        case ast.Name() | ast.Attribute():
            yield _dotted(node)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield from _names(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield from _all_names((left, right))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            yield from _all_names((left, *others))
        case ast.BoolOp(values=values):
            yield from _all_names(values)
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]) if name in _FUNCTIONS:
            yield from _all_names(args)
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not accepted; an expression has {_ACCEPTED}")


def _all_names(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        yield from _names(node)


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is no name; an expression has {_ACCEPTED}")


def _value(node: ast.expr, names: Mapping[str, float]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name() | ast.Attribute():
            return float(names.get(_dotted(node), math.nan))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            denied = _value(operand, names)
            return None if denied is None else not denied
        case ast.UnaryOp(operand=operand):
            return -_number(operand, names)
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(left, names), _number(right, names))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared([left, *others], ops, names)
        case ast.BoolOp(op=op, values=parts):
            found = [_value(part, names) for part in parts]
            decides = isinstance(op, ast.Or)  # one true part decides an `or`, one false part an `and`
            if any(part is not None and bool(part) is decides for part in found):
                return decides
            return None if None in found else not decides
        case ast.Call(func=ast.Name(id=name), args=args):
            numbers = [_number(arg, names) for arg in args]
            return math.nan if any(map(math.isnan, numbers)) else _FUNCTIONS[name](*numbers)
        case _:
            raise AssertionError(ast.dump(node))


def _compared(nodes: list[ast.expr], ops: list[ast.cmpop], names: Mapping[str, float]) -> bool | None:
    numbers = [_number(node, names) for node in nodes]
    if any(map(math.isnan, numbers)):
        return None
    return all(_COMPARISONS[type(op)](a, b) for a, op, b in zip(numbers, ops, numbers[1:], strict=False))


def _number(node: ast.expr, names: Mapping[str, float]) -> float:
    value = _value(node, names)
    return math.nan if value is None else float(value)
