"""Omniglot: found, imported, kept, split, and what happens when something is wrong with it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from maml_core.config import OmniglotConfig
from maml_core.datasets import omniglot_alphabets
from maml_core.datasets.download import Published
from maml_core.datasets.imageset import ImageSet
from maml_core.datasets.omniglot import (
    PUBLISHED,
    download_omniglot,
    downloads,
    find_omniglot,
    import_omniglot,
    load_omniglot,
)
from maml_core.datasets.omniglot_alphabets import omniglot_splits
from maml_core.datasets.splits import parted
from maml_core.errors import DataError
from maml_core.rng import Stream
from maml_core.tasks import build_family
from tests.maml_core.datasets.layout import official, png, zipped
from tests.maml_core.test_public_names import ROOT

BACKGROUND, EVALUATION = "images_background", "images_evaluation"
FILE = "omniglot.safetensors"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the images of this test are kept."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_import_from_folders(tmp_path: Path) -> None:
    images = import_omniglot(official(tmp_path / "files"))
    assert images.images.shape == (20 * 6, 1, 28, 28)
    assert images.class_names[:5] == (*(f"Greek/character{c:02d}" for c in (1, 2, 3, 4)), "Hebrew/character01")
    assert set(images.groups) == {
        *("background/Greek", "background/Hebrew", "background/Korean", "evaluation/Tibetan", "evaluation/ULOG")
    }
    assert images.class_sizes.tolist() == [6] * 20
    ink = images.images.astype(float).sum((1, 2, 3)).reshape(5, 4, 6) / 255 * (105 / 28) ** 2
    expected = 10.0 * (10 + 5 * np.arange(4))  # pixels of the bar
    assert np.allclose(ink, expected[:, None], rtol=0.15)


def kept(root: Path) -> list[str]:
    """All files below the folder of images."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_zip_files_give_the_same_as_folders(tmp_path: Path, root: Path) -> None:
    files = official(tmp_path / "files")
    from_folders = import_omniglot(files)
    for part in (BACKGROUND, EVALUATION):
        zipped(files, part, tmp_path / "zips")
    from_zips = import_omniglot(tmp_path / "zips")
    assert np.array_equal(from_zips.images, from_folders.images)
    assert from_zips.class_names == from_folders.class_names
    assert np.array_equal(load_omniglot().images, from_zips.images)
    status = find_omniglot()
    assert (status.state, status.num_classes, status.num_images, status.num_alphabets) == ("ready", 20, 120, 5)
    assert status.available
    assert status.has_evaluation
    assert not status.advice
    assert status.size_bytes == (root / FILE).stat().st_size
    assert kept(root) == [FILE]


@pytest.mark.parametrize("source", ["", f"{BACKGROUND}", f"{BACKGROUND}.zip"])
def test_either_part_alone_will_do(tmp_path: Path, source: str) -> None:
    files = official(tmp_path / "files", (BACKGROUND,))
    zipped(files, BACKGROUND, files)
    images = import_omniglot(files / source)
    assert len(images.class_names) == 12
    status = find_omniglot()
    assert not status.has_evaluation
    assert "images_evaluation.zip" in status.advice


def test_the_official_folders_may_lie_deeper_in_a_zip_file(tmp_path: Path) -> None:
    official(tmp_path / "files" / "omniglot-master" / "python")
    path = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "files")
    assert len(import_omniglot(path).class_names) == 20


def test_progress_is_told_and_may_stop_the_import(tmp_path: Path, root: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    import_omniglot(official(tmp_path / "files"), lambda *report: seen.append(report))
    assert seen == [("drawings read", 100, 120), ("drawings read", 120, 120)]

    def stop(*report: object) -> None:
        raise KeyboardInterrupt

    shutil.rmtree(root)
    with pytest.raises(KeyboardInterrupt):
        import_omniglot(tmp_path / "files", stop)
    assert kept(root) == []
    assert find_omniglot().state == "missing"


def test_the_same_files_are_imported_once(tmp_path: Path) -> None:
    files = official(tmp_path / "files")
    seen: list[Any] = []
    import_omniglot(files, lambda *report: seen.append(report))
    import_omniglot(files, lambda *report: seen.append(report))
    assert len(seen) == 2
    (files / BACKGROUND / "Greek" / "character01" / "0001_99.png").write_bytes(png(np.zeros((105, 105), np.uint8)))
    assert import_omniglot(files).class_sizes[0] == 7


def test_two_processes_may_import_at_once(tmp_path: Path, root: Path) -> None:
    files = official(tmp_path / "files")
    code = (
        f"from maml_core.datasets.omniglot import import_omniglot; print(len(import_omniglot({str(files)!r}).images))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0] for process in both] == ["120\n", "120\n"]
    assert len(load_omniglot().images) == 120
    assert kept(root) == [FILE]


# --- What is used -----------------------------------------------------------------------------------------------------


def test_without_omniglot_it_is_said_how_to_get_it() -> None:
    status = find_omniglot()
    assert (status.state, status.available) == ("missing", False)
    assert "maml data omniglot --download" in status.advice
    with pytest.raises(DataError, match="Omniglot is missing; get it with: maml data omniglot --download") as caught:
        load_omniglot()
    assert caught.value.kind == "missing"


def test_the_environment_may_name_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_OMNIGLOT", str(tmp_path / "files"))
    assert find_omniglot().state == "missing"
    assert "MAML_OMNIGLOT names" in find_omniglot().advice
    with pytest.raises(DataError, match=r"there is no .*files"):
        load_omniglot()
    official(tmp_path / "files")
    assert (find_omniglot().state, find_omniglot().where) == ("importable", tmp_path / "files")
    assert len(load_omniglot().images) == 120
    assert find_omniglot().state == "ready"
    assert load_omniglot() is load_omniglot()
    official(tmp_path / "others", (BACKGROUND,))
    monkeypatch.setenv("MAML_OMNIGLOT", str(tmp_path / "others"))
    assert len(load_omniglot().images) == 72


@pytest.mark.parametrize("how", ["pixel", "header"])
def test_a_damaged_file_is_made_again_or_reported(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    files = official(tmp_path / "files")
    before = import_omniglot(files).images.copy()

    def spoil() -> None:
        data = bytearray((root / FILE).read_bytes())
        data[9 if how == "header" else -1] ^= 1
        (root / FILE).unlink()  # what is mapped stays as it was
        (root / FILE).write_bytes(data)

    spoil()
    with pytest.raises(DataError, match="Omniglot is damaged; get it with") as caught:
        load_omniglot()
    assert caught.value.kind == "damaged"
    assert find_omniglot().state == ("damaged" if how == "header" else "ready")  # a cheap look does not read the pixels
    monkeypatch.setenv("MAML_OMNIGLOT", str(files))
    assert np.array_equal(load_omniglot().images, before)
    spoil()
    assert np.array_equal(import_omniglot(files).images, before)


# --- What may be wrong with the files ---------------------------------------------------------------------------------


def wrong(files: Path, what: str) -> Path:
    place = files / BACKGROUND / "Greek" / "character01"
    match what:
        case "cut":
            file = place / "0001_03.png"
            file.write_bytes(file.read_bytes()[:60])
        case "no picture":
            (place / "0001_03.png").write_text("hello")
        case "enormous":
            (place / "0001_03.png").write_bytes(png(np.zeros((4500, 4500), np.uint8)))
        case "empty folder":
            (files / BACKGROUND / "Greek" / "character09").mkdir()
        case "link":
            (place / "0001_03.png").unlink()
            (place / "0001_03.png").symlink_to(place / "0001_02.png")
        case "nothing":
            shutil.rmtree(files / BACKGROUND)
            shutil.rmtree(files / EVALUATION)
        case "no drawings":
            shutil.rmtree(files / EVALUATION)
            shutil.rmtree(files / BACKGROUND)
            (files / BACKGROUND).mkdir()
        case "cut zip":
            path = zipped(files, BACKGROUND, files)
            path.write_bytes(path.read_bytes()[:-100])
            return path
        case "spoilt zip":
            path = zipped(files, BACKGROUND, files)
            data = bytearray(path.read_bytes())
            data[200] ^= 255
            path.write_bytes(data)
            return path
    return files


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("cut", r"Greek/character01/0001_03.png in .* cannot be read \(damaged: .*fetch the official files again"),
        ("no picture", r"0001_03.png in .* cannot be read \(not a picture"),
        ("enormous", r"0001_03.png in .* more than 20,000,000 pixels"),
        (
            "empty folder",
            r"the folder Greek/character09 in .*images_background is empty; unpack the official files again",
        ),
        ("link", r"0001_03.png in .* cannot be used \(a link"),
        ("nothing", r"holds neither images_background nor images_background.zip; name the folder"),
        ("no drawings", r"holds no drawing images_background/ALPHABET/CHARACTER"),
        ("cut zip", r"images_background.zip is no zip file, or a damaged one"),
        ("spoilt zip", r"0001_02.png in .*images_background.zip cannot be read \(damaged"),
    ],
)
def test_wrong_files_are_named_and_what_was_imported_stays(
    tmp_path: Path, root: Path, what: str, sentence: str
) -> None:
    files = wrong(official(tmp_path / "files"), what)
    with pytest.raises(DataError, match=sentence):
        import_omniglot(files)
    assert kept(root) == []
    before = import_omniglot(official(tmp_path / "good"))
    with pytest.raises(DataError, match=sentence):
        import_omniglot(files)
    assert load_omniglot() is before


# --- Splits -----------------------------------------------------------------------------------------------------------


def named(alphabets: dict[str, int], evaluation: int = 0) -> ImageSet:
    """A set of one-pixel images: this many background characters of each alphabet, and evaluation characters of one more."""
    groups = [f"background/{name}" for name, number in alphabets.items() for _ in range(number)]
    groups += ["evaluation/Z"] * evaluation
    return ImageSet(
        name="Omniglot",
        images=np.zeros((len(groups), 1, 1, 1), np.uint8),
        class_sizes=np.ones(len(groups), np.int64),
        class_names=tuple(map(str, range(len(groups)))),
        groups=tuple(groups),
        fingerprint="",
    )


ALPHABETS = {f"alphabet {i:02d}": 20 + i for i in range(30)}


def test_alphabets_are_held_out_whole() -> None:
    images = named(ALPHABETS, evaluation=7)
    splits = omniglot_splits(images, split="alphabets", seed=3)
    groups = {split: {images.groups[c] for c in part} for split, part in splits.classes.items()}
    assert {split: len(names) for split, names in groups.items()} == {
        "meta_train": 25,
        "meta_validation": 5,
        "meta_test": 1,
    }
    assert groups["meta_test"] == {"evaluation/Z"}
    assert sorted(np.concatenate(list(splits.classes.values()))) == list(range(len(images.groups)))
    assert sum(len(set(names)) for names in groups.values()) == len(set.union(*groups.values()))
    assert all(name.partition("/")[2] in splits.note for name in groups["meta_validation"])
    others = [omniglot_splits(images, split="alphabets", seed=seed).note for seed in range(20)]
    assert len(set(others)) == 20
    assert others[3] == splits.note


def test_without_the_evaluation_alphabets_there_is_no_test() -> None:
    splits = omniglot_splits(named(ALPHABETS), split="alphabets", seed=0)
    assert set(splits.classes) == {"meta_train", "meta_validation"}
    assert "images_evaluation.zip" in splits.missing["meta_test"]


def test_the_background_alone_is_split_in_three_whatever_else_is_there() -> None:
    images = named(ALPHABETS)
    splits = omniglot_splits(images, split="background", seed=3)
    groups = {split: {images.groups[c] for c in part} for split, part in splits.classes.items()}
    assert {split: len(names) for split, names in groups.items()} == {
        "meta_train": 20,
        "meta_validation": 5,
        "meta_test": 5,
    }
    assert len(set.union(*groups.values())) == 30
    assert splits.note.partition("; for the test: ")[2].split(", ") == sorted(
        name.partition("/")[2] for name in groups["meta_test"]
    )
    more = omniglot_splits(named(ALPHABETS, evaluation=7), split="background", seed=3)
    for split, classes in splits.classes.items():
        assert np.array_equal(more.classes[split], classes)
    published = omniglot_splits(images, split="alphabets", seed=3)
    assert np.array_equal(published.classes["meta_validation"], splits.classes["meta_validation"])


def test_the_random_split_is_the_one_of_the_papers() -> None:
    splits = omniglot_splits(named({"A": 1000}, evaluation=623), split="random", seed=0)
    assert [len(part) for part in splits.classes.values()] == [1100, 100, 423]
    assert sorted(np.concatenate(list(splits.classes.values()))) == list(range(1623))
    assert splits.note == ""
    other = omniglot_splits(named({"A": 1000}, evaluation=623), split="random", seed=1)
    assert not np.array_equal(other.classes["meta_validation"], splits.classes["meta_validation"])


def test_fewer_characters_are_split_in_proportion_and_it_says_so() -> None:
    splits = omniglot_splits(named({"A": 964}), split="random", seed=0)
    assert [len(part) for part in splits.classes.values()] == [654, 59, 251]
    assert splits.note == "964 of 1,623 characters are there, so 654 / 59 / 251 instead of 1100 / 100 / 423"


def test_too_few_to_hold_some_out() -> None:
    for images, split in (
        (named({"A": 50}, evaluation=9), "alphabets"),
        (named({"A": 50, "B": 50}, evaluation=9), "background"),
        (named({"A": 3, "B": 2}), "random"),
    ):
        with pytest.raises(DataError, match=r"too few for the split|cannot be split in three") as caught:
            omniglot_splits(images, split=split, seed=0)  # type: ignore[arg-type]
        assert caught.value.kind == "few"


def test_tasks_are_drawn_from_it(tmp_path: Path) -> None:
    import_omniglot(official(tmp_path / "files", (BACKGROUND,)))
    family = build_family(OmniglotConfig(ways=3))
    tasks = family.draw_tasks(seed=0, stream=Stream.HELD_OUT_TASKS, num_tasks=2, shots=1, num_query=5)
    assert tasks.query.x.shape == (2, 15, 784)
    assert (float(tasks.query.x.min()), float(tasks.query.x.max())) == (0.0, 1.0)
    with pytest.raises(DataError, match=r"no classes for meta_test: the evaluation alphabets are not there"):
        family.draw_tasks(seed=0, stream=Stream.TEST_TASKS, num_tasks=2, shots=1, num_query=5)


# --- Download ---------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Serves files from memory; `cut` of them end early, though they say how long they are."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path[1:]
        self.server.asked.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if name in self.server.cut else data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    files = official(tmp_path / "files")
    with Server() as server:
        for part in (BACKGROUND, EVALUATION):
            server.files[f"{part}.zip"] = zipped(files, part, tmp_path / "zips").read_bytes()
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def published(server: Server) -> dict[str, Published]:
    return {name: Published(len(data), hashlib.sha256(data).hexdigest()) for name, data in server.files.items()}


def test_download(server: Server, root: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    known = published(server)
    images = download_omniglot(lambda *report: seen.append(report), base_url=server.url, published=known)
    assert len(images.images) == 120
    assert kept(root) == [FILE, f"omniglot/{BACKGROUND}.zip", f"omniglot/{EVALUATION}.zip"]
    for name, (size, _) in known.items():
        assert (f"bytes of {name}", size, size) in seen
    assert seen[-1] == ("drawings read", 120, 120)
    download_omniglot(base_url=server.url, published=known)
    assert server.asked == [f"{BACKGROUND}.zip", f"{EVALUATION}.zip"]
    (root / FILE).unlink()
    assert find_omniglot().state == "importable"
    assert len(load_omniglot().images) == 120


def test_what_is_published(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """The environment names the place; what is there is held against the published checksums."""
    assert list(PUBLISHED) == [f"{BACKGROUND}.zip", f"{EVALUATION}.zip"]
    monkeypatch.setenv("MAML_OMNIGLOT_URL", server.url + "/")
    with pytest.raises(DataError, match=rf"{server.url}/images_background.zip is not the published file"):
        download_omniglot()


def fail(server: Server, how: str) -> dict[str, Published]:
    known = published(server)
    name = f"{EVALUATION}.zip"
    match how:
        case "checksum":
            server.files[name] = server.files[name][:-1] + b"x"
        case "longer":
            server.files[name] += bytes(10**6)
        case "cut":
            server.cut.add(name)
        case "404":
            del server.files[name]
    return known


@pytest.mark.parametrize(
    ("how", "kind", "sentence"),
    [
        ("checksum", "damaged", "is not the published file .* try again, or fetch it with a browser"),
        ("longer", "damaged", "is not the published file"),
        ("cut", "network", r"failed \(the connection was cut\); check the network and try again"),
        ("404", "network", r"404 Client Error.*images_evaluation.zip\); try again later"),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_a_second_one_works(
    server: Server, root: Path, how: str, kind: str, sentence: str
) -> None:
    whole = dict(server.files)
    known = fail(server, how)
    with pytest.raises(DataError, match=sentence) as caught:
        download_omniglot(base_url=server.url, published=known)
    assert caught.value.kind == kind
    assert kept(root) == [f"omniglot/{BACKGROUND}.zip"]  # which is whole
    server.files, server.cut = whole, set()
    assert len(download_omniglot(base_url=server.url, published=known).images) == 120
    assert server.asked == [f"{BACKGROUND}.zip", f"{EVALUATION}.zip", f"{EVALUATION}.zip"]


def test_without_a_network(server: Server, root: Path) -> None:
    known = published(server)
    with Server() as closed:
        nobody = closed.url
    with pytest.raises(DataError, match=r"failed \(no connection\); check the network") as caught:
        download_omniglot(base_url=nobody, published=known)
    assert caught.value.kind == "network"
    assert kept(root) == []


def test_a_stopped_download_leaves_nothing(server: Server, root: Path) -> None:
    def stop(*report: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_omniglot(stop, base_url=server.url, published=published(server))
    assert kept(root) == []


def test_what_a_killed_download_left_is_removed(server: Server, root: Path) -> None:
    downloads().mkdir(parents=True)
    (downloads() / "tmpabc123").write_bytes(b"half")
    (downloads() / f"{BACKGROUND}.zip").write_bytes(b"spoilt")
    assert len(download_omniglot(base_url=server.url, published=published(server)).images) == 120
    assert kept(root) == [FILE, f"omniglot/{BACKGROUND}.zip", f"omniglot/{EVALUATION}.zip"]


# --- The layouts that it comes in -------------------------------------------------------------------------------------


def doubled(files: Path, to: Path) -> Path:
    """As unpacking on Windows leaves it."""
    for part in (BACKGROUND, EVALUATION):
        shutil.copytree(files / part, to / part / part)
    return to


def flat(files: Path, to: Path) -> Path:
    for part in (BACKGROUND, EVALUATION):
        shutil.copytree(files / part, to, dirs_exist_ok=True)
    return to


def repository(files: Path, to: Path) -> Path:
    """The published archive: zip files in a zip file."""
    for part in (BACKGROUND, EVALUATION):
        zipped(files, part, to / "all" / "omniglot-master" / "python")
    (to / "all" / "omniglot-master" / "README.md").write_text("hello")
    return Path(shutil.make_archive(str(to / "omniglot-master"), "zip", to / "all"))


def deep(files: Path, to: Path) -> Path:
    shutil.copytree(files, to / "a" / "b" / "c")
    return to


def second_download(files: Path, to: Path) -> Path:
    for part in (BACKGROUND, EVALUATION):
        path = zipped(files, part, to)
        path.rename(path.with_name(f"{part} (1).zip"))
    return to


@pytest.mark.parametrize("made", [doubled, flat, repository, deep, second_download])
def test_other_layouts_give_the_same(tmp_path: Path, made: Any) -> None:
    files = official(tmp_path / "files")
    expected = import_omniglot(files)
    images = import_omniglot(made(files, tmp_path / "other"))
    assert (images.class_names, images.groups) == (expected.class_names, expected.groups)
    assert np.array_equal(images.images, expected.images)


def test_what_lies_there_twice_is_read_once(tmp_path: Path) -> None:
    files = official(tmp_path / "files" / "python")
    zipped(files, BACKGROUND, files)
    path = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "files")
    assert import_omniglot(path).class_sizes.tolist() == [6] * 20


def test_alphabets_of_other_names_in_one_folder_are_split_at_random(tmp_path: Path) -> None:
    for alphabet in "XY":
        for character in range(6):
            place = tmp_path / "files" / alphabet / f"character{character + 1:02d}"
            place.mkdir(parents=True)
            for number in range(3):
                (place / f"{number}.png").write_bytes(png(np.zeros((105, 105), np.uint8)))
    images = import_omniglot(tmp_path / "files")
    assert "choose the split random" in find_omniglot().advice
    with pytest.raises(DataError, match="so the split alphabets is not known; choose the split random"):
        omniglot_splits(images, split="alphabets", seed=0)
    found = omniglot_splits(images, split="random", seed=0)
    assert {split: len(part) for split, part in found.classes.items()} == {
        "meta_train": 4,
        "meta_validation": 4,
        "meta_test": 4,
    }


def of_published(*parts: str) -> ImageSet:
    """Omniglot's own names, each character one pixel."""
    names = [
        (f"{part}/{alphabet}", f"{alphabet}/character{number + 1:02d}")
        for part in parts
        for alphabet, size in omniglot_alphabets.ALPHABETS[part].items()
        for number in range(size)
    ]
    return ImageSet(
        name="Omniglot",
        images=np.zeros((len(names), 1, 1, 1), np.uint8),
        class_sizes=np.ones(len(names), np.int64),
        class_names=tuple(name for _, name in names),
        groups=tuple(group for group, _ in names),
        fingerprint="",
    )


def split_by_name(images: ImageSet, seed: int) -> dict[str, str]:
    found = omniglot_splits(images, split="random", seed=seed)
    return {images.class_names[c]: split for split, part in found.classes.items() for c in part}


def test_the_published_alphabets() -> None:
    assert {part: (len(names), sum(names.values())) for part, names in omniglot_alphabets.ALPHABETS.items()} == {
        "background": (30, 964),
        "evaluation": (20, 659),
    }


@pytest.mark.parametrize("seed", [0, 7])
def test_the_random_split_moves_no_character_when_the_other_part_is_imported(seed: int) -> None:
    images = of_published("background", "evaluation")
    whole, names = split_by_name(images, seed), list(images.class_names)
    expected = parted(1623, seed, num_validation=100, num_test=423)  # as it always was
    assert {split: {names.index(name) for name in names if whole[name] == split} for split in expected} == {
        split: set(part.tolist()) for split, part in expected.items()
    }
    for part in ("background", "evaluation"):
        alone = split_by_name(of_published(part), seed)
        assert alone == {name: whole[name] for name in alone}


def test_a_small_sample_is_split_the_same_with_and_without_the_other_part() -> None:
    both, alone = named({"A": 9, "B": 9}, evaluation=6), named({"A": 9, "B": 9})
    assert split_by_name(alone, 3) == {name: split for name, split in split_by_name(both, 3).items() if int(name) < 18}
    assert min(len(part) for part in omniglot_splits(alone, split="random", seed=3).classes.values()) >= 5
