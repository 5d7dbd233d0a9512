"""The exceptions of the engine. A diverging run is not among them: it is a status of the run (see `runs`).

ValueError
└── ConfigError     a set-up that cannot be used; says which field, which value, what is accepted
RuntimeError
└── StateError      bytes that are not a run state of this version, or of another model
"""

from __future__ import annotations


class ConfigError(ValueError):
    """A value that a config does not accept. Callers that can fall back field by field (the address bar) read `field`."""

    def __init__(self, field: str, value: object, accepted: str) -> None:
        self.field = field
        self.value = value
        self.accepted = accepted
        super().__init__(f"{field} = {value!r} is not accepted: {accepted}")


class StateError(RuntimeError):
    """Saved state that does not belong to this config or was damaged."""
