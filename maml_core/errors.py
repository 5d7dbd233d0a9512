"""The exceptions of the engine. A diverging run is not among them: it is a status of the run (see `runs`).

ValueError
└── ConfigError     a set-up that cannot be used; says which field, which value, what is accepted
    └── OnceDifferentiableError     second derivatives, of a model that has none
RuntimeError
├── StateError      bytes that are not a run state of this version, or of another model
├── StoreError      a run folder that cannot be read or written; says what to do, and nothing was changed
├── DataError       images that cannot be had; says what to do, and what was there before is as it was
└── ClusterError    a scheduler or workers that cannot be used; says what to do, and nothing was started
"""

from __future__ import annotations

from typing import Any, Literal

from maml_core.values import quoted


class ConfigError(ValueError):
    """A value that a config does not accept. Callers that can fall back field by field (the address bar) read `field`."""

    def __init__(self, field: str, value: object, accepted: str) -> None:
        self.field = field
        self.value = value
        self.accepted = accepted
        super().__init__(f"{field} = {quoted(value)} is not accepted: {accepted}")

    def __reduce__(self) -> tuple[Any, ...]:  # from its arguments, or no worker process could report it
        return type(self), (self.field, self.value, self.accepted)


class OnceDifferentiableError(ConfigError):
    """Second derivatives are asked for of a model that has none."""


class StateError(RuntimeError):
    """Saved state that does not belong to this config or was damaged."""


class StoreError(RuntimeError):
    """A run folder that cannot be read or written. Callers that answer differently read `kind`."""

    def __init__(
        self,
        kind: Literal["missing", "damaged", "foreign", "newer", "taken", "busy", "full", "refused", "own"],
        sentence: str,
    ) -> None:
        self.kind = kind
        super().__init__(sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, str(self))


class DataError(RuntimeError):
    """Images that cannot be had. Callers that answer differently read `kind`."""

    def __init__(
        self,
        kind: Literal["missing", "damaged", "network", "few", "large", "full", "refused", "other"],
        sentence: str,
    ) -> None:
        self.kind = kind
        super().__init__(sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, str(self))


class ClusterError(RuntimeError):
    """Other machines that cannot be had, or no longer."""
