"""Whoever reads what others have written, each with valid input to begin from and the errors that it may answer with."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from PIL import Image

from dashboard.server.hub import Hub
from dashboard.setups import address, limits, workspaces
from dashboard.setups.sweep_draft import Draft, Range, form_text, read_form
from dashboard.wire.incoming import message_of
from maml_core.cli.fields import located, read_file
from maml_core.config import RunConfig, from_dict, replace, to_dict
from maml_core.datasets.folder import load_folder
from maml_core.errors import ConfigError, DataError, StateError, StoreError
from maml_core.lessons.reading import SHIPPED, read_lesson
from maml_core.presets import DEFAULT_PRESET, PRESETS
from maml_core.state_bytes import state_from_bytes
from maml_core.store import RunStore, load_run
from maml_core.store.archive import import_run
from maml_core.store.document import DOCUMENT, DataFile, _digest
from maml_core.sweeps.archive import DOCUMENT as SWEEP_DOCUMENT
from maml_core.sweeps.archive import FORMAT, VERSION, import_sweep, zip_sweep
from maml_core.sweeps.axes import Axis, axis_from_text
from maml_core.sweeps.catalog import delete_sweep, list_sweeps
from maml_core.sweeps.definition import SweepConfig, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import load_sweep, open_study
from tests.contracts.test_choices import Here
from tests.dashboard.live.driver import Driver
from tests.dashboard.live.test_protocol import SAID
from tests.dashboard.server.clients import IMAGES, TINY, Client, Clock, Priced
from tests.fuzzing.mutations import of_bytes, of_json, of_zip

Make = Callable[[random.Random], bytes]


class Target(NamedTuple):
    """A reader of bad input."""

    valid: bytes
    """An input that is read."""
    make: Make
    """Draws one that is spoiled."""
    take: Callable[[bytes], object]
    """Reads it."""
    errors: tuple[type[Exception], ...] = ()
    """What it may answer with; anything else is a fault."""


def targets(folder: Path) -> dict[str, Target]:
    """All of them.

    Args:
        folder: For what they write, made here; everything beside it is theirs to leave alone.
    """
    folder.mkdir(exist_ok=True)
    return {
        "addresses": _of(_addresses(), _open_address),
        "forms of sweeps": _of(_forms(), lambda data: read_form(_text(data))),
        "messages of the live page": _messages(TINY),
        "messages about images": _messages(IMAGES),
        "messages of the sensitivity screen": _sweep_messages(),
        "names of runs": _of(
            [b"run", "α = 0.1".encode(), b"a/b", b"con"], lambda data: RunStore(folder).folder(_text(data)), ConfigError
        ),
        "names of workspaces": _of(
            [b"group 3", "Gruppe Ä".encode()], lambda data: workspaces.named_workspace(_text(data)), ConfigError
        ),
        "axes": _of(
            [b"alpha=0.001..1:log:8", b"N=1,5,10", b"algorithm=maml,anil", b"shots=1..10:4", b"widths=20,40"],
            lambda data: axis_from_text(_text(data), RunConfig()),
            ConfigError,
        ),
        "sweeps": _of_json(_sweeps(), lambda data: sweep_from_dict(_parsed(data)), ConfigError),
        "settings in TOML": _of([TOML], functools.partial(_read_settings, folder / "settings.toml"), ConfigError),
        "settings in JSON": _of_json(
            [to_dict(RunConfig())], functools.partial(_read_settings, folder / "settings.json"), ConfigError
        ),
        "lessons": _of(
            [path.read_bytes() for path in sorted(SHIPPED.glob("*.toml"))],
            lambda data: read_lesson(_text(data), name="own"),
            ConfigError,
        ),
        **_saved_runs(folder),
        **_kept_sweeps(folder),
        **_pictures(folder),
    }


def _of(seeds: Sequence[bytes], take: Callable[[bytes], object], *errors: type[Exception]) -> Target:
    """Who reads bytes or a text; the first of the seeds is read as it is."""
    return Target(seeds[0], lambda random_: of_bytes(random_, seeds), take, errors)


def _of_json(values: Sequence[Any], take: Callable[[bytes], object], *errors: type[Exception]) -> Target:
    """Who reads JSON."""
    return Target(json.dumps(values[0]).encode(), lambda random_: of_json(random_, values), take, errors)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


# Addresses and forms


def _addresses() -> list[bytes]:
    plain = [address.write(preset.config).encode() for preset in PRESETS]
    return [*plain, b"alpha=0.05&at=300&t=100a0.02.200n5", b"look=landscape&beside=joint", b"f=sinusoid&n=3&w=40.40"]


def _open_address(data: bytes) -> None:
    query = dict(parse_qsl(_text(data), keep_blank_values=True))
    limits.checked(address.read(query, DEFAULT_PRESET.config), DEFAULT_PRESET.config)


def _forms() -> list[bytes]:
    drafts = [Draft(), Draft(axes=("alpha", "num_inner_steps"), ranges={"alpha": Range(0.01, 0.1, 3)}, num_steps=7)]
    return [form_text(draft).encode() for draft in drafts] + [b"alpha~0.01~0.1~3"]


# Sockets


def _messages(config: RunConfig) -> Target:
    hub = Hub(Priced(), clock=Clock())
    client = Client(hub, hub.open_page(config))

    def take(data: bytes) -> None:
        nonlocal client
        message = message_of(_text(data))
        hub.receive(client.page, message)
        client.page.tell()
        client.take()
        if client.page.run.config != config:  # each begins from the same
            client.close()
            client = Client(hub, hub.open_page(config))

    return _of_json(list(SAID.values()), take)


def _sweep_messages() -> Target:
    hub = Hub(Priced(), clock=Clock())
    token = hub.open_page(TINY)
    page, _ = hub.connect_sweeps(token, resume="")
    seeds = [
        {"type": "view", "x": "alpha", "y": None, "metric": "loss"},
        {"type": "pin", "numbers": [1, 2]},
        {"type": "setting", "number": 1},
        {"type": "ack", "frame": 1},
        {"type": "visible", "visible": True},
    ]
    return _of_json(seeds, lambda data: hub.receive_sweeps(token, page, message_of(_text(data))))


def _parsed(data: bytes) -> dict[str, Any]:
    """A JSON object; an empty one where it is none."""
    try:
        message = json.loads(_text(data))
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


# Sweeps and settings


def _sweeps() -> list[Any]:
    axes = (Axis(name="alpha", values=(0.01, 0.1)), Axis(name="num_inner_steps", values=(1, 2)))
    return [json.loads(json.dumps(sweep_to_dict(SweepConfig(base=TINY, axes=axes, num_steps=4))))]


TOML = b"""algorithm = "maml"
alpha = 0.05
evaluation_steps = 5
tasks.kind = "sinusoid"
[model]
hidden_widths = [40, 40]
"""


def _read_settings(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    settings, _ = read_file(file)
    from_dict(located(settings))


# Saved runs


def _saved_runs(folder: Path) -> dict[str, Target]:
    store = RunStore(folder / "runs")
    run = Driver(replace(TINY, {"num_inner_steps": 1})).opened().played(3).run.saved("one")
    assert run is not None
    store.save(run)
    whole = store.zip("one")
    files = {path.name: path.read_bytes() for path in store.folder("one").iterdir()}
    document = json.loads(files[DOCUMENT])
    document.pop("sha256")
    place = folder / "spoiled"

    def load(changed: dict[str, bytes]) -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, content in {**files, **changed}.items():
            (place / name).write_bytes(content)
        load_run(place)

    def load_part(part: str, data: bytes) -> None:
        """The document fits, as it does where somebody means it."""
        file = DataFile.from_bytes(part, data)
        described = {"name": file.name, "size": file.size, "sha256": file.sha256}
        load({DOCUMENT: _signed({**document, "files": {**document["files"], part: described}}), file.name: data})

    def load_document(data: bytes) -> None:
        try:
            load({DOCUMENT: data})
        finally:
            RunStore(folder).list()  # whatever lies there, the others are listed

    def unpack(data: bytes) -> None:
        file = folder / "one.zip"
        file.write_bytes(data)
        import_run(file, RunStore(folder / "imported"), name="it")
        RunStore(folder / "imported").delete("it")

    def made_zip(random_: random.Random) -> bytes:
        if random_.random() < 0.5:
            return of_zip(random_, whole)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            before = random_.choice(("one/", "../", "/", "", "one/./", "one\\", "a/b/"))
            for each, content in files.items():
                archive.writestr(before + each, of_bytes(random_, [content]) if random_.random() < 0.1 else content)
        return buffer.getvalue()

    of_run = {
        f"{part} of a run": _of([files[described["name"]]], functools.partial(load_part, part), StoreError)
        for part, described in document["files"].items()
    }
    return {
        **of_run,
        "documents of runs": Target(
            files[DOCUMENT], lambda random_: _signed_json(random_, document), load_document, (StoreError,)
        ),
        "zips of runs": Target(whole, made_zip, unpack, (StoreError, ConfigError)),
        "states": _of([run.state], state_from_bytes, StateError),
    }


# Kept sweeps


def _kept_sweeps(folder: Path) -> dict[str, Target]:
    root = folder / "sweeps"
    sweep = SweepConfig(base=TINY, axes=(Axis(name="alpha", values=(0.01, 0.1)),), num_steps=2)
    with open_study(sweep, "it", storage=str(root)) as study:
        run_sweep(sweep, study, Here(), at_once=1)
    whole = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    packed = zip_sweep("it", storage=root)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}

    def unpack(data: bytes) -> None:
        (file := folder / "it.zip").write_bytes(data)
        kept = import_sweep(file, storage=folder / "imported sweeps", name="it")
        delete_sweep(kept, storage=folder / "imported sweeps")

    def made_zip(random_: random.Random) -> bytes:
        if random_.random() < 0.5:
            return of_zip(random_, packed)
        changed = {n: of_bytes(random_, [data]) if random_.random() < 0.3 else data for n, data in files.items()}
        if random_.random() < 0.8:  # checksums fit, as they do where somebody means it
            changed[f"it/{SWEEP_DOCUMENT}"] = _described(changed)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in changed.items():
                archive.writestr(name, data)
        return buffer.getvalue()

    def take(changed: Path, data: bytes) -> None:
        shutil.rmtree(root)
        for path, content in whole.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if path == changed else content)
        list_sweeps(root)
        with load_sweep("it", storage=root) as found:
            found.results()

    of_sweep = {
        f"{path.relative_to(root / 'it').parts[0]} of a sweep": _of(
            [content], functools.partial(take, path), StoreError
        )
        for path, content in whole.items()
    }
    return {**of_sweep, "zips of sweeps": Target(packed, made_zip, unpack, (StoreError, ConfigError))}


def _described(files: dict[str, bytes]) -> bytes:
    """The document of an archive of a sweep with these files."""
    described = [
        {"name": name.removeprefix("it/"), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if not name.endswith(SWEEP_DOCUMENT)
    ]
    return json.dumps({"format": FORMAT, "version": VERSION, "files": described}).encode()


def _signed(document: dict[str, Any]) -> bytes:
    return json.dumps({**document, "sha256": _digest(document)}).encode()


def _signed_json(random_: random.Random, document: dict[str, Any]) -> bytes:
    changed = _parsed(of_json(random_, [document]))
    try:
        return _signed(changed)
    except ValueError:  # a number that JSON does not have
        return json.dumps(changed).encode()


# Pictures


def _pictures(folder: Path) -> dict[str, Target]:
    seeds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP"):
        buffer = io.BytesIO()
        Image.new("L", (12, 12), 128).save(buffer, kind)
        seeds.append(buffer.getvalue())
    place = folder / "pictures"
    for letter in "abcdef":
        (place / letter).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (place / letter / f"{number}.png").write_bytes(seeds[0])

    def take(data: bytes) -> None:
        (place / "a" / "0.png").write_bytes(data)
        load_folder(place, size=14, color="grey")

    def take_zip(data: bytes) -> None:
        (file := folder / "pictures.zip").write_bytes(data)
        load_folder(file, size=14, color="grey")

    zips = [_zip_of(place, method) for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)]
    return {
        "pictures": _of(seeds, take, DataError),
        "zips of pictures": Target(
            zips[0], lambda random_: of_zip(random_, random_.choice(zips)), take_zip, (DataError,)
        ),
    }


def _zip_of(folder: Path, method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return buffer.getvalue()
