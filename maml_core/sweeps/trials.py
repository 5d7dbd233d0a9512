"""A sweep's settings as the trials of its Optuna study: how they are begun, reported, told and read back. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import logging
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from maml_core.sweeps.axes import Axis, Value, is_number, whole_numbers
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.results import SettingResult, capped, lanes_from_list, lanes_to_list, refused, result_of, waiting
from maml_core.sweeps.sampling import settings_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_log = logging.getLogger(__name__)


class UnreadableError(Exception):
    """A finished setting's record that is none."""


class Trials:
    """The trials of one study, by the numbers of the settings that they are of; what is finished is read once.

    Args:
        sweep: What the study is of.
        study: Optuna's.
        storage: What it is written to.
    """

    def __init__(self, sweep: SweepConfig, study: Study, storage: BaseStorage) -> None:
        self._sweep, self._study, self._storage = sweep, study, storage
        self._space = {axis.name: _distribution(axis, sweep) for axis in sweep.axes}
        self._settings = settings_of(sweep)
        self._finished: dict[int, SettingResult] = {}
        """Results of the trials that will not change any more, by their setting."""

    def known(self) -> dict[int, FrozenTrial]:
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

    def unfinished(self) -> dict[int, FrozenTrial]:
        """The trials that may still change."""
        return {number: trial for number, trial in self.known().items() if not trial.state.is_finished()}

    def finished(self) -> Collection[int]:
        """The settings that are finished, as the storage knows them now."""
        for number, trial in self.known().items():
            if number not in self._finished and trial.state.is_finished():
                self._finished[number] = self._result(number, trial)
        return self._finished.keys()

    def results(self, held: Collection[int]) -> tuple[SettingResult, ...]:
        """All settings, by number; `held` are those that a client works at. TPE's are known when they are drawn."""
        found = {one.number: waiting(one) for one in self._settings or ()}
        for number, trial in self.known().items():
            result = self._finished.get(number) or self._result(number, trial, running=number in held)
            if trial.state.is_finished():  # of ten thousand settings a reading takes a second
                self._finished[number] = result
            found[number] = result
        return tuple(found[number] for number in sorted(found))

    def begin(self, number: int, trial: FrozenTrial | None) -> Setting:
        """Let the trial of a setting run: one that was begun before, or a new one."""
        import optuna
        from optuna.trial import TrialState

        if trial is not None:
            if trial.state == TrialState.WAITING:
                self._storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)
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
        return Setting(number, self._values(self._storage.get_trial(asked._trial_id)))

    def give_back(self, numbers: Sequence[int], at_rung: Collection[int] = ()) -> None:
        """Let the trials of settings wait again; those that are kept at a rung have the values that TPE has drawn, and no others."""
        from optuna.trial import TrialState

        trials, draws = self.unfinished(), self._sweep.sampler == "tpe"
        for number in numbers:
            if (trial := trials.get(number)) is not None and not (draws and number in at_rung):
                # A waiting trial would be the next that TPE is asked for, under whatever number.
                state = TrialState.FAIL if draws else TrialState.WAITING
                self._storage.set_trial_state_values(trial._trial_id, state=state)

    def report(self, step: int, values: Mapping[int, float]) -> None:
        """Write the held-out values of settings at a rung."""
        trials = self.unfinished()
        for number, value in values.items():
            if (trial := trials.get(number)) is not None:
                self._storage.set_trial_intermediate_value(trial._trial_id, step, capped(self._sweep, value))

    def at_rung(self, step: int) -> dict[int, float]:
        """The values of all settings that reached a rung, at worst the cap."""
        return {
            number: trial.intermediate_values[step]
            for number, trial in self.known().items()
            if step in trial.intermediate_values
        }

    def tell(self, trial: FrozenTrial, result: SettingResult) -> None:
        """Finish a trial with its setting's result; one that somebody else finished meanwhile stays."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        storage, number = self._storage, trial._trial_id
        try:
            rungs = () if result.steps is None or result.curve is None else zip(result.steps, result.curve, strict=True)
            for step, value in rungs:
                if int(step) not in trial.intermediate_values:
                    storage.set_trial_intermediate_value(number, int(step), capped(self._sweep, float(value)))
            storage.set_trial_user_attr(number, "diverged", result.status == "diverged")
            if result.status == "refused":
                storage.set_trial_user_attr(number, "refused", result.refusal)
            if result.form_changes:
                storage.set_trial_user_attr(number, "form_changes", list(result.form_changes))
            storage.set_trial_user_attr(number, "lanes", lanes_to_list(result.lanes))
            if curvatures := _curvatures_to_list(result):
                storage.set_trial_user_attr(number, "curvatures", curvatures)
            # Pruned at once: no sampler learns from its value, and no plot of Optuna's shows it.
            state = TrialState.PRUNED if result.status in ("pruned", "refused") else TrialState.COMPLETE
            storage.set_trial_state_values(number, state, [capped(self._sweep, result.value)])
        except UpdateFinishedTrialError:  # a client that was taken for dead comes second
            _log.info("setting %d was finished by somebody else", result.number)

    def _result(self, number: int, trial: FrozenTrial, *, running: bool = False) -> SettingResult:
        from optuna.trial import TrialState

        setting = Setting(number, self._values(trial))
        rungs = sorted(trial.intermediate_values.items())
        if (refusal := trial.user_attrs.get("refused")) is not None:
            return refused(setting, refusal)
        if trial.state.is_finished():
            try:
                return result_of(
                    self._sweep,
                    setting,
                    lanes_from_list(trial.user_attrs.get("lanes", ())),
                    done=True,
                    rungs=rungs,
                    curvatures=dict(trial.user_attrs.get("curvatures", ())),
                    form_changes=trial.user_attrs.get("form_changes", ()),
                )
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise UnreadableError(f"what setting {number} came to cannot be read ({error})") from error
        if not running and trial.state in (TrialState.WAITING, TrialState.RUNNING):
            return waiting(setting)  # its client is gone
        known = result_of(self._sweep, setting, (), done=False, rungs=rungs)
        return dataclasses.replace(known, value=rungs[-1][1] if rungs else math.nan)

    def _values(self, trial: FrozenTrial) -> dict[str, Value]:
        if self._settings is not None:
            return dict(self._settings[trial.user_attrs["setting"]].values)
        return {axis.name: trial.params[axis.name] for axis in self._sweep.axes}


def _curvatures_to_list(result: SettingResult) -> list[tuple[int, float]]:
    """The rungs at which lambda_max is known, each with it: JSON has no NaN."""
    if result.steps is None or result.curvatures is None:
        return []
    pairs = zip(result.steps.tolist(), result.curvatures.tolist(), strict=True)
    return [(int(step), value) for step, value in pairs if math.isfinite(value)]


def sampler_of(sweep: SweepConfig) -> Any:
    """Optuna's sampler that draws a sweep's settings; one that is never asked where the sweep draws them itself."""
    import optuna

    if sweep.sampler != "tpe":
        return optuna.samplers.RandomSampler(seed=sweep.sampler_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=sweep.sampler_seed, multivariate=True, constant_liar=True)


def _distribution(axis: Axis, sweep: SweepConfig) -> BaseDistribution:
    """An axis as Optuna draws it and looks at it: numbers stay numbers, whose contours and importance it knows."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.only_with:
        return CategoricalDistribution((*axis.values, None))
    numeric = all(is_number(value) for value in axis.values)
    if axis.values and (not numeric or sweep.sampler == "tpe"):
        return CategoricalDistribution(axis.values)
    low, high = (min(axis.values), max(axis.values)) if axis.values else axis.ends  # type: ignore[type-var]
    if whole_numbers(sweep.base, axis):
        return IntDistribution(int(low), int(high), log=axis.log)  # type: ignore[arg-type]
    return FloatDistribution(float(low), float(high), log=axis.log)  # type: ignore[arg-type]
