"""A sweep's results in an Optuna study: one trial a setting; and its curves beside it as Parquet. Nothing here imports torch.

By default a sweep is a folder:

    study.log        the study, in Optuna's journal storage: `optuna.load_study` and Optuna's dashboard open it
    claims.sqlite    who computes which setting (see `claims`)
    curves/          training curves, as Parquet (see `curves`)

With a database by URL, study and claims are there, for as many clients as there are; each keeps the training curves of its own settings.
A setting is claimed, its trial begins to run, the rungs are reported to it, and it is told its value once. A diverged setting is a
COMPLETE trial with a capped value and the attribute `diverged`: FAIL would hide the unstable region. Attributes of a trial: `setting`
(its number), `diverged`, `lanes` (each seed's results); of the study: `sweep` (the whole description, with its `fingerprint`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import shutil
import time
import uuid
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.axes import Axis, Value, is_number, whole_numbers
from maml_core.sweeps.claims import LEASE_S, Claims, engine_of
from maml_core.sweeps.curves import read_curves, write_curves
from maml_core.sweeps.places import CLAIMS, JOURNAL, Place, names_in, open_place, storage_errors
from maml_core.sweeps.results import SettingResult, capped, judged, lanes_from_list, lanes_to_list, waiting
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.space import Setting, SweepConfig, fingerprint, sweep_from_dict, sweep_to_dict

if TYPE_CHECKING:
    import pandas as pd
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

MAKING_S = 10.0
"""How long somebody may take between making a study and saying what it is of."""

_ATTRIBUTE = "sweep"
_log = logging.getLogger(__name__)


class SweepStudy:
    """The study of one sweep. Several processes, on several machines, may have the same one open where its storage allows it.

    Made by `open_study` and `load_sweep`. As a context it closes itself. One thread at a time.
    """

    def __init__(self, sweep: SweepConfig, place: Place, study: Study, claims: Claims) -> None:
        self.sweep = sweep
        self._place, self._study, self._claims = place, study, claims
        self._space = {axis.name: _distribution(axis, sweep) for axis in sweep.axes}
        self._settings = settings_of(sweep)
        self._finished: dict[int, SettingResult] = {}
        """Of the trials that will not change any more, by their setting."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Of the study."""
        return self._study.study_name

    @property
    def folder(self) -> Path:
        """Where its curves are, and, without a database, everything else."""
        return self._place.folder

    @property
    def where(self) -> str:
        """The storage, as people may read it."""
        return self._place.where

    @property
    def is_shared(self) -> bool:
        """Whether other machines may work at it."""
        return self._place.url is not None

    @property
    def num_clients(self) -> int:
        """Clients that work at it or at another sweep of its storage, at least one."""
        return self._claims.num_clients

    def take(self, count: int, among: Sequence[int] | None = None) -> list[Setting]:
        """Up to `count` settings that nobody else has; each is given out once. Empty where none is left for us.

        Args:
            count: How many; for TPE, so many are drawn before the results of the first are known.
            among: The numbers to choose from, in the order of preference; None for all.
        """
        with self._explained():
            finished = self._refreshed()
            order = [n for n in (range(self.sweep.size) if among is None else among) if n not in finished]
            numbers = self._claims.take(order, count) if order and count > 0 else []
            if not numbers:
                return []
            finished, trials = self._refreshed(), self._running()  # what others told before we had the claim
            self._claims.done([n for n in numbers if n in finished])
            return [self._begin(n, trials.get(n)) for n in numbers if n not in finished]

    def give_back(self, *numbers: int) -> None:
        """Settings that were taken and not finished."""
        from optuna.trial import TrialState

        with self._explained():
            trials = self._running()
            for number in numbers:
                if (trial := trials.get(number)) is not None:
                    # A waiting trial would be the next that TPE is asked for, under whatever number.
                    state = TrialState.FAIL if self.sweep.sampler == "tpe" else TrialState.WAITING
                    self._place.storage.set_trial_state_values(trial._trial_id, state=state)
            self._claims.release(numbers)

    def report(self, step: int, values: Mapping[int, float]) -> None:
        """Held-out values at a rung, by the settings' numbers."""
        with self._explained(), self._place.together():
            trials = self._running()
            for number, value in values.items():
                if (trial := trials.get(number)) is not None:
                    self._place.storage.set_trial_intermediate_value(trial._trial_id, step, capped(self.sweep, value))

    def at_rung(self, step: int) -> dict[int, float]:
        """The values of all settings that reached a rung, at worst the cap."""
        with self._explained():
            return {
                number: trial.intermediate_values[step]
                for number, trial in self._trials().items()
                if step in trial.intermediate_values
            }

    def put(self, *results: SettingResult) -> None:
        """Results of settings; of a setting that somebody else finished in the meantime the first one stays."""
        if wrong := [result.number for result in results if not result.is_done]:
            raise ValueError(f"settings {wrong} are not finished")
        write_curves(self.folder, results)  # first: a result always has its curve
        with self._explained():
            trials = self._running()
            with self._place.together():
                for result in results:
                    if (trial := trials.get(result.number)) is not None:
                        self._tell(trial, result)
            self._refreshed()
            self._claims.done([result.number for result in results])

    def results(self) -> tuple[SettingResult, ...]:
        """All settings, by number, as the storage knows them. TPE's are known when they are drawn."""
        with self._explained():
            found = {one.number: waiting(one) for one in self._settings or ()}
            held = self._claims.held()
            for number, trial in self._trials().items():
                found[number] = self._finished.get(number) or self._result(number, trial, running=number in held)
            return tuple(found[number] for number in sorted(found))

    def curves(self) -> pd.DataFrame:
        """The training curves that lie here: columns setting, seed, step and training_loss."""
        return read_curves(self.folder)

    def close(self) -> None:
        """Give back what is claimed, and leave the storage."""
        with self._explained():
            self._claims.close()
            self._place.leave()

    def _begin(self, number: int, trial: FrozenTrial | None) -> Setting:
        """Let the trial of a setting run: one that was begun before, or a new one."""
        import optuna
        from optuna.trial import TrialState

        storage = self._place.storage
        if trial is not None:
            if trial.state == TrialState.WAITING:
                storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)
            return Setting(number, self._values(trial))
        if self._settings is not None:
            setting = self._settings[number]
            new = optuna.create_trial(
                state=TrialState.RUNNING,
                params=dict(setting.values),
                distributions=self._space,
                user_attrs={"setting": number},
            )
            self._study.add_trial(new)
            return setting
        asked = self._study.ask(self._space)
        asked.set_user_attr("setting", number)
        return Setting(number, self._values(storage.get_trial(asked._trial_id)))

    def _tell(self, trial: FrozenTrial, result: SettingResult) -> None:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        storage, number = self._place.storage, trial._trial_id
        try:
            for step, value in zip(result.steps if result.steps is not None else (), result.curve, strict=True):  # type: ignore[arg-type]
                if int(step) not in trial.intermediate_values:
                    storage.set_trial_intermediate_value(number, int(step), capped(self.sweep, float(value)))
            storage.set_trial_user_attr(number, "diverged", result.status == "diverged")
            storage.set_trial_user_attr(number, "lanes", lanes_to_list(result.lanes))
            state = TrialState.PRUNED if result.status == "pruned" else TrialState.COMPLETE
            storage.set_trial_state_values(number, state, [capped(self.sweep, result.value)])
        except UpdateFinishedTrialError:  # a client that was taken for dead comes second
            _log.info("setting %d was finished by somebody else", result.number)

    def _trials(self) -> dict[int, FrozenTrial]:
        """The trial of each setting: the finished one where there is one."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        while True:
            try:
                trials = self._study.get_trials(deepcopy=False)
                break
            except UpdateFinishedTrialError:  # written together, said when it is read back
                continue
        found: dict[int, FrozenTrial] = {}
        for trial in trials:
            number = trial.user_attrs.get("setting")
            if isinstance(number, int) and trial.state != TrialState.FAIL:
                known = found.get(number)
                if known is None or (trial.state.is_finished() and not known.state.is_finished()):
                    found[number] = trial
        return found

    def _running(self) -> dict[int, FrozenTrial]:
        return {number: trial for number, trial in self._trials().items() if not trial.state.is_finished()}

    def _refreshed(self) -> Collection[int]:
        """The settings that are finished."""
        for number, trial in self._trials().items():
            if number not in self._finished and trial.state.is_finished():
                self._finished[number] = self._result(number, trial)
        return self._finished.keys()

    def _result(self, number: int, trial: FrozenTrial, *, running: bool = False) -> SettingResult:
        from optuna.trial import TrialState

        setting = Setting(number, self._values(trial))
        rungs = sorted(trial.intermediate_values.items())
        if trial.state.is_finished():
            lanes = lanes_from_list(trial.user_attrs.get("lanes", ()))
            return judged(self.sweep, setting, lanes, done=True, rungs=rungs)
        if not running and trial.state in (TrialState.WAITING, TrialState.RUNNING):
            return waiting(setting)  # its client is gone, and it begins anew
        known = judged(self.sweep, setting, (), done=False, rungs=rungs)
        return dataclasses.replace(known, value=rungs[-1][1] if rungs else math.nan)

    def _values(self, trial: FrozenTrial) -> dict[str, Value]:
        if self._settings is not None:
            return dict(self._settings[trial.user_attrs["setting"]].values)
        return {axis.name: trial.params[axis.name] for axis in self.sweep.axes}

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        with storage_errors(self._place.where):
            yield


class StudyInfo(NamedTuple):
    """A line in a list of sweeps."""

    name: str
    size: int
    num_done: int
    num_diverged: int
    num_pruned: int
    axes: tuple[str, ...]
    problem: str | None = None
    """Why it cannot be loaded; the other fields then say nothing."""


def open_study(
    sweep: SweepConfig, name: str, *, storage: str | Path | None = None, lease_s: float = LEASE_S
) -> SweepStudy:
    """Open a sweep's study, or make it.

    Args:
        sweep: What it must be of.
        name: Of the study and its files.
        storage: A database by URL (``postgresql://...``), or a folder; None for `default_root`.
        lease_s: After so many seconds without a sign of life another client counts as dead.

    Raises:
        ConfigError: A name that no file system would take.
        StoreError: A study of another sweep has this name, or the storage cannot be reached or read; nothing was changed.
    """
    place = open_place(name, storage, make=True)
    with place.used(stay=True):
        study = _study(name, place, sweep)
        known = _known(study, place)
        if known["fingerprint"] != fingerprint(sweep):
            raise StoreError(
                "taken",
                f"{name} in {place.where} is another sweep ({_differences(sweep_from_dict(known['sweep']), sweep)}); choose another name",
            )
        return SweepStudy(sweep, place, study, _claims(place, known["key"], lease_s))


def load_sweep(name: str, *, storage: str | Path | None = None, lease_s: float = LEASE_S) -> SweepStudy:
    """The study of this name, with the sweep that it is of.

    Raises:
        StoreError: There is none, or it cannot be reached or read.
    """
    place = open_place(name, storage, make=False)
    with place.used(stay=True):
        study = _study(name, place, None)
        known = _known(study, place)
        try:
            sweep = sweep_from_dict(known["sweep"])
        except ConfigError as error:
            raise StoreError("newer", f"the sweep {name} in {place.where} is not of this version: {error}") from None
        study.sampler = _sampler(sweep)
        return SweepStudy(sweep, place, study, _claims(place, known["key"], lease_s))


def list_sweeps(storage: str | Path | None = None) -> list[StudyInfo]:
    """The sweeps of a storage, by name.

    Raises:
        StoreError: The storage cannot be reached.
    """
    found = []
    for name in names_in(storage):
        try:
            with load_sweep(name, storage=storage) as study:
                results = study.results()
                statuses = [result.status for result in results]
                found.append(
                    StudyInfo(
                        name=name,
                        size=study.sweep.size,
                        num_done=sum(result.is_done for result in results),
                        num_diverged=statuses.count("diverged"),
                        num_pruned=statuses.count("pruned"),
                        axes=tuple(axis.name for axis in study.sweep.axes),
                    )
                )
        except StoreError as error:
            found.append(StudyInfo(name, 0, 0, 0, 0, (), problem=str(error)))
    return found


def delete_sweep(name: str, *, storage: str | Path | None = None) -> None:
    """Remove a sweep for good; files in its folder that are not its own stay.

    Raises:
        StoreError: There is none, or it cannot be reached.
    """
    import optuna

    place = open_place(name, storage, make=False)
    if place.url is not None:
        with place.used():
            study = _study(name, place, None)
            if (known := study.user_attrs.get(_ATTRIBUTE)) is not None:
                claims = _claims(place, known["key"], LEASE_S)
                claims.forget()
                claims.close()
            optuna.delete_study(study_name=name, storage=place.storage)
    for path in (place.folder / JOURNAL, place.folder / CLAIMS):
        path.unlink(missing_ok=True)
    shutil.rmtree(place.folder / "curves", ignore_errors=True)
    with contextlib.suppress(OSError):
        place.folder.rmdir()


def _study(name: str, place: Place, sweep: SweepConfig | None) -> Study:
    """The study; made where a sweep is given and there is none."""
    import optuna
    from optuna.study import StudyDirection

    sampler = None if sweep is None else _sampler(sweep)
    with contextlib.suppress(KeyError):
        return optuna.load_study(study_name=name, storage=place.storage, sampler=sampler)
    if sweep is None:
        raise StoreError("missing", f"there is no sweep {name} in {place.where}")
    direction = StudyDirection.MAXIMIZE if sweep.maximises else StudyDirection.MINIMIZE
    try:
        study = optuna.create_study(storage=place.storage, sampler=sampler, study_name=name, direction=direction)
    except optuna.exceptions.DuplicatedStudyError:  # by somebody else, just now
        return optuna.load_study(study_name=name, storage=place.storage, sampler=sampler)
    known = {"fingerprint": fingerprint(sweep), "key": uuid.uuid4().hex, "sweep": sweep_to_dict(sweep)}
    study.set_user_attr(_ATTRIBUTE, known)
    return study


def _known(study: Study, place: Place) -> dict[str, Any]:
    """What a study says it is of."""
    deadline = time.monotonic() + MAKING_S
    while True:
        known = study.user_attrs.get(_ATTRIBUTE)
        if isinstance(known, dict) and {"fingerprint", "key", "sweep"} <= known.keys():
            return known
        if time.monotonic() >= deadline or study.get_trials(deepcopy=False):
            raise StoreError(
                "foreign", f"the study {study.study_name} in {place.where} is of no sweep; choose another name"
            )
        time.sleep(0.1)  # it is being made


def _claims(place: Place, key: str, lease_s: float) -> Claims:
    url = place.url if place.url is not None else f"sqlite:///{place.folder / CLAIMS}"
    return Claims(engine_of(url), key, lease_s=lease_s)


def _sampler(sweep: SweepConfig) -> Any:
    import optuna

    if sweep.sampler != "tpe":
        return optuna.samplers.RandomSampler(seed=sweep.sampler_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=sweep.sampler_seed, multivariate=True, constant_liar=True)


def _distribution(axis: Axis, sweep: SweepConfig) -> BaseDistribution:
    """An axis as Optuna draws it and looks at it: numbers stay numbers, whose contours and importance it knows."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numeric = all(is_number(value) for value in axis.values)
    if axis.values and (not numeric or sweep.sampler == "tpe"):
        return CategoricalDistribution(axis.values)
    low, high = (min(axis.values), max(axis.values)) if axis.values else axis.ends  # type: ignore[type-var]
    if whole_numbers(sweep.base, axis):
        return IntDistribution(int(low), int(high), log=axis.log)  # type: ignore[arg-type]
    return FloatDistribution(float(low), float(high), log=axis.log)  # type: ignore[arg-type]


def _differences(old: SweepConfig, new: SweepConfig) -> str:
    """What tells two sweeps apart, in words."""
    before, after = sweep_to_dict(old), sweep_to_dict(new)
    theirs, ours = _flat(before["base"]), _flat(after["base"])
    found = [f"its base's {name} is {value}" for name, value in theirs.items() if value != ours.get(name)]
    axes = ", ".join(axis.name for axis in old.axes) or "none"
    found += [f"its axes are {axes}"] if before["axes"] != after["axes"] else []
    found += [
        f"its {name} is {value}"
        for name, value in before.items()
        if name not in ("base", "axes") and value != after[name]
    ]
    return "; ".join(found[:3])


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Settings within settings by their dotted names.

    >>> _flat({"alpha": 0.1, "model": {"kind": "mlp"}})
    {'alpha': 0.1, 'model.kind': 'mlp'}
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {path + name: value}
    return found
