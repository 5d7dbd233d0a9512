"""A sweep's results in an Optuna study: one trial a setting (see `trials`); and its curves beside it as Parquet. Nothing here imports torch.

By default a sweep is a folder:

    study.log        the study, in Optuna's journal storage: `optuna.load_study` and Optuna's dashboard open it
    claims.sqlite    who computes which setting (see `claims`)
    curves/          training curves, as Parquet (see `curve_files`)
    states/          batches under way, as they were at their last rung (see `kept_batches`)

With a database by URL, study and claims are there, for as many clients as there are; each keeps the training curves of its own settings, in
``.databases`` below `places.default_root`.
A setting is claimed, its trial begins to run, the rungs are reported to it, and it is told its value once. A diverged setting is a
COMPLETE trial with a capped value and the attribute `diverged`: FAIL would hide the unstable region. Attributes of a trial: `setting`
(its number), `diverged`, `lanes` (each seed's results), `curvatures` (the outer steps of the rungs with lambda_max there); of the study:
`sweep` (the whole description, with its `fingerprint`), `images` (the record of the images that it is computed on, see `images`), once
they have moved, `folders` (where they were found, the last at the end), and of a problem of one's own `first_losses`, which tell it from others.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from maml_core.config import FolderConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.families.own import OwnCode
from maml_core.store import check_name
from maml_core.sweeps.claims import LEASE_S, Claims, engine_of
from maml_core.sweeps.curve_files import read_curves, write_curves
from maml_core.sweeps.definition import Setting, SweepConfig, fingerprint, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.images import SweepImages, images_from_plain, images_to_plain, moved
from maml_core.sweeps.patience import Patience
from maml_core.sweeps.places import CLAIMS, JOURNAL, Place, deletion, open_place, storage_errors, to_type
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import seed_table, table
from maml_core.sweeps.trials import Trials, UnreadableError, sampler_of

if TYPE_CHECKING:
    import pandas as pd
    from optuna.study import Study

T = TypeVar("T")

MAKING_S = 10.0
"""How long somebody may take between making a study and saying what it is of."""

LOOKING_S = 0.5
"""How long who only looks waits for that."""

SWEEP = "sweep"
"""Attribute of a study that says of what sweep it is."""

COPIED = "copied"
"""Attribute of a study that is a copy of another one: without the attribute `SWEEP`, which comes last, it is not whole."""

SERVED = "served"
"""Attribute of a study that a page's server computes, until it is done or stopped."""

_IMAGES, _FOLDERS, _FIRST_LOSSES = "images", "folders", "first_losses"

_CLAIM_OF_IMAGES = -1
"""Stands among the claims for the record of the images: of several clients that begin a sweep, one writes it."""

_GONE = "Record does not exist."
"""What Optuna says of a study that somebody deletes while it is open."""

_log = logging.getLogger(__name__)


class SweepStudy:
    """The study of one sweep. Several processes, on several machines, may have the same one open where its storage allows it.

    Made by `open_study` and `load_sweep`. As a context it closes itself. One thread at a time.
    """

    def __init__(self, sweep: SweepConfig, place: Place, study: Study, claims: Claims) -> None:
        self.sweep = sweep
        """With its images in the folder where they were last found."""
        self.images = _images_of(study, place)
        """The record of what it is computed on; None while there is none, as with all other tasks."""
        self.has_found_images = False
        """They are there, and those of the record (see `recognition`)."""
        self.code: OwnCode | None = None
        """The code of a problem of one's own, once whoever computes the sweep has named it (`recognition.find_problem`)."""
        self.place = place
        """Where it is kept."""
        self.patience = Patience(place.where)
        """With a database that does not answer for a while."""
        self._study, self._claims = study, claims
        self._trials = Trials(sweep, study, place.storage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Name of the study."""
        return self._study.study_name

    @property
    def folder(self) -> Path:
        """Where its curves are, and, without a database, everything else."""
        return self.place.folder

    @property
    def where(self) -> str:
        """The storage, as people may read it."""
        return self.place.where

    @property
    def is_shared(self) -> bool:
        """Whether other machines may work at it."""
        return self.place.url is not None

    @property
    def num_clients(self) -> int:
        """Clients that work at it or at another sweep of its storage, at least one."""
        return self._asked(lambda: self._claims.num_clients)

    @property
    def is_computed(self) -> bool:
        """Whether somebody else works at it."""
        return self._asked(lambda: self._claims.has_others)

    def take(self, count: int, among: Sequence[int] | None = None) -> list[Setting]:
        """Up to `count` settings that nobody else has; each is given out once. Empty where none is left for us.

        Args:
            count: How many; for TPE, so many are drawn before the results of the first are known.
            among: The numbers to choose from, in the order of preference; None for all.
        """
        wanted = range(self.sweep.size) if among is None else among

        def claimed() -> list[int]:
            finished = self._trials.finished()
            order = [n for n in wanted if n not in finished]
            return self._claims.take(order, count) if order and count > 0 else []

        numbers = self._asked(claimed)

        def begun() -> list[Setting]:
            # What others told before we had the claim, and what we began before the storage went away.
            finished, trials = self._trials.finished(), self._trials.unfinished()
            self._claims.done([n for n in numbers if n in finished])
            return [self._trials.begin(n, trials.get(n)) for n in numbers if n not in finished]

        return self._asked(begun) if numbers else []

    def give_back(self, *numbers: int, at_rung: Collection[int] = ()) -> None:
        """Settings that were taken and not finished.

        Args:
            numbers: Which.
            at_rung: Those of them from whose last rung somebody may go on.
        """
        with self._explained():
            self._trials.give_back(numbers, at_rung)
            self._claims.release(numbers)

    def report(self, step: int, values: Mapping[int, float]) -> None:
        """Held-out values at a rung, by the settings' numbers."""

        def reported() -> None:
            with self.place.together():
                self._trials.report(step, values)

        self._asked(reported)

    def at_rung(self, step: int) -> dict[int, float]:
        """The values of all settings that reached a rung, at worst the cap."""
        return self._asked(lambda: self._trials.at_rung(step))

    def put(self, *results: SettingResult) -> None:
        """Results of settings; of a setting that somebody else finished in the meantime the first one stays."""
        if wrong := [result.number for result in results if not result.is_done]:
            raise ValueError(f"settings {wrong} are not finished")
        write_curves(self.folder, results)  # first: a result always has its curve

        def told() -> None:
            trials = self._trials.unfinished()
            with self.place.together():
                for result in results:
                    if (trial := trials.get(result.number)) is not None:
                        self._trials.tell(trial, result)
            self._trials.finished()
            self._claims.done([result.number for result in results])

        self._asked(told)

    @property
    def has_trials(self) -> bool:
        """Whether somebody has begun to compute it."""
        with self._explained():
            return bool(self._study.get_trials(deepcopy=False))

    @property
    def folders(self) -> tuple[str, ...]:
        """Where a folder of images that has moved was found, the last at the end; each machine may have its own."""
        with self._explained():
            return _folders(self._study)

    def keep_images(self, images: SweepImages) -> SweepImages:
        """The record of the sweep's images: this one, unless somebody has written one before."""
        with self._explained():
            while (known := _images_of(self._study, self.place)) is None and self.place.is_writable:
                if not self._claims.take([_CLAIM_OF_IMAGES], 1):
                    time.sleep(0.1)  # somebody is writing it
                    continue
                try:
                    if _images_of(self._study, self.place) is None:
                        self._study.set_user_attr(_IMAGES, images_to_plain(images))
                finally:
                    self._claims.release([_CLAIM_OF_IMAGES])
            self.images = known or images
            return self.images

    def keep_first_losses(self, losses: tuple[float, ...]) -> tuple[float, ...]:
        """What tells the problem of one's own that the sweep is computed on (`OwnCode.losses`): these, unless they are known."""
        with self._explained():
            if (known := self._study.user_attrs.get(_FIRST_LOSSES)) is None:
                if self.place.is_writable:
                    self._study.set_user_attr(_FIRST_LOSSES, list(losses))
                return losses
        try:
            return tuple(map(float, known))
        except (TypeError, ValueError):
            raise StoreError(
                "damaged",
                f"the record of the problem of {self.name} in {self.where} cannot be read; restore the sweep, or delete it",
            ) from None

    def keep_served(self, is_served: bool) -> None:
        """Remember that a page's server computes it, or no longer does: it is done, or somebody has stopped it."""
        with self._explained():
            if self.place.is_writable and self._study.user_attrs.get(SERVED, False) != is_served:
                self._study.set_user_attr(SERVED, is_served)

    @property
    def was_cut_off(self) -> bool:
        """Whether the server that computed it ended before it was done, and nobody computes it now."""
        with self._explained():
            return self._study.user_attrs.get(SERVED) is True and not self._claims.has_others

    def keep_folder(self, sweep: SweepConfig) -> None:
        """Remember where a folder of images was found: this sweep has it."""
        if sweep == self.sweep:
            return
        assert isinstance(sweep.base.tasks, FolderConfig)
        assert isinstance(self.sweep.base.tasks, FolderConfig)
        folder = sweep.base.tasks.folder
        with self._explained():
            known = _folders(self._study) or (self.sweep.base.tasks.folder,)
            if known[-1:] != (folder,) and self.place.is_writable:
                self._study.set_user_attr(_FOLDERS, [*(other for other in known if other != folder), folder])
        self.sweep = sweep

    def results(self) -> tuple[SettingResult, ...]:
        """All settings, by number, as the storage knows them. TPE's are known when they are drawn."""
        return self._asked(lambda: self._trials.results(self._claims.held()))

    def frame(self, *, by_seed: bool = False) -> pd.DataFrame:
        """What is known so far as a table of pandas: a row a setting (`tables.table`), or a row a setting and seed (`tables.seed_table`)."""
        return (seed_table if by_seed else table)(self.sweep, self.results())

    def curves(self) -> pd.DataFrame:
        """The training curves that lie here: columns setting, seed, step and training_loss."""
        return read_curves(self.folder)

    def close(self) -> None:
        """Give back what is claimed, and leave the storage."""
        with self._explained():
            self._claims.close()
            self.place.leave()

    def _asked(self, act: Callable[[], T]) -> T:
        """What the storage answers; a database that goes away meanwhile is waited for. What is done of it may be done again."""
        with self._explained():
            return self.patience.tried(act)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with storage_errors(self.place.where):
                yield
        except UnreadableError as error:
            raise StoreError(
                "damaged", f"the sweep {self.folder.name} in {self.where}: {error}; restore it, or delete it"
            ) from error
        except KeyError as error:
            if error.args != (_GONE,):
                raise
            raise StoreError(
                "missing", f"the sweep {self.folder.name} in {self.where} was deleted meanwhile"
            ) from error


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
    name = check_name(name)
    place = open_place(name, storage, make=True)
    with place.used(stay=True):
        study = study_of(name, place, sweep)
        known = _known(study, place, sweep)
        if known["fingerprint"] != fingerprint(sweep):
            there = _sweep_of(known, study, place)
            if not _is_of(sweep, study, there):
                words = f"{name} in {place.where} is another sweep ({_differences(there, sweep)}); choose another name"
                raise StoreError("taken", words)
        return SweepStudy(sweep, place, study, claims_of(place, known["key"], lease_s))


def load_sweep(name: str, *, storage: str | Path | None = None, lease_s: float = LEASE_S) -> SweepStudy:
    """The study of this name, with the sweep that it is of.

    Raises:
        StoreError: There is none, or it cannot be reached or read.
    """
    name = check_name(name)
    place = open_place(name, storage, make=False)
    with place.used(stay=True):
        study = study_of(name, place, None)
        known = _known(study, place)
        sweep = _sweep_of(known, study, place)
        for folder in _folders(study)[-1:]:
            sweep = moved(sweep, folder)
        study.sampler = sampler_of(sweep)
        return SweepStudy(sweep, place, study, claims_of(place, known["key"], lease_s))


def study_of(name: str, place: Place, sweep: SweepConfig | None) -> Study:
    """Optuna's study of this name; made where a sweep is given and there is none."""
    import optuna
    from optuna.study import StudyDirection

    sampler = None if sweep is None else sampler_of(sweep)
    with contextlib.suppress(KeyError):
        return optuna.load_study(study_name=name, storage=place.storage, sampler=sampler)
    if sweep is None and place.url is None:
        raise StoreError(
            "damaged",
            f"{place.folder / JOURNAL} ends before it says of what sweep it is; delete it with: {deletion(place.folder)}",
        )
    if sweep is None:
        raise StoreError("missing", f"there is no sweep {name} in {place.where}")
    direction = StudyDirection.MAXIMIZE if sweep.maximises else StudyDirection.MINIMIZE
    try:
        study = optuna.create_study(storage=place.storage, sampler=sampler, study_name=name, direction=direction)
    except optuna.exceptions.DuplicatedStudyError:  # by somebody else, just now
        return optuna.load_study(study_name=name, storage=place.storage, sampler=sampler)
    study.set_user_attr(SWEEP, _said_of(sweep))
    return study


def _said_of(sweep: SweepConfig) -> dict[str, Any]:
    """What a new study says it is of."""
    return {"fingerprint": fingerprint(sweep), "key": new_key(), "sweep": sweep_to_dict(sweep)}


def new_key() -> str:
    """What the claims of a new sweep go by."""
    return uuid.uuid4().hex


def _known(study: Study, place: Place, sweep: SweepConfig | None = None) -> dict[str, Any]:
    """What a study says it is of. In a folder, where nobody has said it since whoever began it was ended in between, it becomes the study of `sweep`."""
    deadline = time.monotonic() + (LOOKING_S if sweep is None else MAKING_S)
    while True:
        known = study.user_attrs.get(SWEEP)
        if isinstance(known, dict) and {"fingerprint", "key", "sweep"} <= known.keys():
            return known
        has_trials = bool(study.get_trials(deepcopy=False))
        is_late = time.monotonic() >= deadline
        if study.user_attrs.get(COPIED) and (has_trials or is_late):
            way_on = to_type("maml sweeps delete", study.study_name, place.url)
            sentence = f"{study.study_name} in {place.where} is being imported or renamed, or that was interrupted"
            raise StoreError("damaged", f"{sentence}; wait for it, or delete it with: {way_on}")
        if has_trials or (is_late and (sweep is None or place.url is not None)):
            raise StoreError(
                "foreign", f"the study {study.study_name} in {place.where} is of no sweep; choose another name"
            )
        if sweep is not None and is_late:
            study.set_user_attr(SWEEP, _said_of(sweep))
        time.sleep(0.1)  # it is being made


def _sweep_of(known: Mapping[str, Any], study: Study, place: Place) -> SweepConfig:
    """The sweep that a study says it is of.

    Raises:
        StoreError: A newer version wrote it.
    """
    try:
        return sweep_from_dict(known["sweep"])
    except ConfigError as error:
        words = f"the sweep {study.study_name} in {place.where} is not of this version: {error}"
        raise StoreError("newer", f"{words}. Update maml-live, or choose another name") from None


def _is_of(sweep: SweepConfig, study: Study, there: SweepConfig) -> bool:
    """Whether a sweep is the study's as it is read now: a version with fewer settings may have written it, and its images may lie where they
    were found later.
    """
    if fingerprint(there) == fingerprint(sweep):
        return True
    tasks = sweep.base.tasks
    if not isinstance(tasks, FolderConfig) or tasks.folder not in _folders(study):
        return False
    return fingerprint(moved(there, tasks.folder)) == fingerprint(sweep)


def _folders(study: Study) -> tuple[str, ...]:
    found = study.user_attrs.get(_FOLDERS, [])
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _images_of(study: Study, place: Place) -> SweepImages | None:
    """The record of a sweep's images.

    Raises:
        StoreError: It is damaged.
    """
    data = study.user_attrs.get(_IMAGES)
    try:
        return images_from_plain(data) if data is not None else None
    except (ValueError, TypeError, KeyError) as error:
        sentence = f"the record of the images of {study.study_name} in {place.where} cannot be read ({error})"
        raise StoreError("damaged", f"{sentence}; restore the sweep, or delete it") from error


def claims_of(place: Place, key: str, lease_s: float) -> Claims:
    """The claims of the study with this key."""
    import sqlalchemy as sql

    if place.url is not None:
        return Claims(engine_of(place.url), key, lease_s=lease_s)
    # In memory where nothing can be written, since nobody computes there. A path is no text of a URL: it may hold ? and %.
    file = str(place.folder / CLAIMS) if place.is_writable else None
    return Claims(engine_of(sql.URL.create("sqlite", database=file)), key, lease_s=lease_s)


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
