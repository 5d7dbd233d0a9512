"""Few-shot images from the sidebar: what is chosen restarts the run, and images that are not there are got or done without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from dashboard.setups import address
from dashboard.setups.choices import limited_to, with_kind, with_tasks
from dashboard.setups.limits import NO_OMNIGLOT, NO_SHARED_OMNIGLOT
from dashboard.setups.settings import on_the_page
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    replace,
)
from maml_core.datasets.omniglot import find_omniglot
from maml_core.errors import StoreError
from maml_core.presets import DEFAULT_PRESET, few_shot
from tests.dashboard.sidebar.test_main_page import Visit, hub, own_hub
from tests.maml_core.datasets.layout import drawing, official, png

IMAGES = few_shot(GlyphsConfig())
STAND_IN = "Until then Glyphs stand in, with all other settings of this address."
GLYPHS = {"v": "1", "tasks__kind": "glyphs", "model__kind": "conv", "evaluation_tasks": "10", "evaluation_steps": "2"}
"""An address; what it leaves out is as the engine has it."""


@pytest.fixture(autouse=True)
def _of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A hub for each test, on a server that nobody shares and that has no images."""
    monkeypatch.setenv("MAML_SHARED", "0")
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    with own_hub(monkeypatch):
        yield


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """Twelve classes of six images, one of them damaged and one that is no image."""
    folder = tmp_path / "b_i_r_d_s"
    for kind in range(12):
        (folder / f"bird {kind}").mkdir(parents=True)
        for number in range(6):
            (folder / f"bird {kind}" / f"{number}.png").write_bytes(png(drawing(kind, number)))
    (folder / "bird 3" / "5.png").write_bytes(b"no image")
    (folder / "bird 4" / "list.txt").write_text("notes")
    return folder


class Seen(Visit):
    """A page with the box about images that are wanted."""

    def press(self, label: str) -> Seen:
        next(button for button in self.app.button if button.label == label).click()
        self.rerun()
        return self

    def type(self, path: Any) -> Seen:
        self.app.text_input(key="images.path").set_value(str(path))
        self.rerun()
        return self

    @property
    def buttons(self) -> set[str]:
        found = {button.label for button in self.app.button}
        return found & {"Download", "Import", "Use these images", "Not now", "Stay with Glyphs"}

    @property
    def has_path(self) -> bool:
        return any(field.key == "images.path" for field in self.app.text_input)

    @property
    def texts(self) -> list[str]:
        return [markdown.value.replace("\\", "") for markdown in self.app.markdown]

    @property
    def errors(self) -> list[str]:
        return [error.value.replace("\\", "") for error in self.app.error]


def begun(**query: str) -> Seen:
    visit = Seen(**query)
    visit.run.step = 50
    return visit


def shown_chart(visit: Visit) -> str:
    page = hub().pages.get(visit.token)
    assert page is not None
    return page.viewer.weights_chart


def is_consistent(visit: Visit) -> bool:
    return visit.shown == on_the_page(visit.config)


class TestChoosing:
    def test_images_bring_the_fast_demos_settings_and_say_so(self):
        visit = begun().choose(family="glyphs")
        assert (visit.run.step, visit.run.changes.start) == (0, IMAGES)
        assert visit.notes == ["The other settings are those of the fast demo with images."]
        assert is_consistent(visit)

    def test_curves_take_their_place_likewise(self):
        visit = begun(**GLYPHS).choose(family="sinusoid")
        assert (visit.run.step, visit.run.changes.start) == (0, DEFAULT_PRESET.config)
        assert visit.notes == ["The other settings are those of the fast demo with curves."]
        assert is_consistent(visit)

    def test_there_and_back_again_the_seeds_stay(self):
        visit = Visit().choose(seed=7).choose(family="glyphs")
        assert visit.config == replace(IMAGES, {"weights_seed": 7, "tasks_seed": 7})
        assert visit.choose(family="linear").config.weights_seed == 7
        assert is_consistent(visit)

    @pytest.mark.parametrize(
        ("field", "value", "changes"),
        [
            ("ways", 7, {"tasks": GlyphsConfig(ways=7)}),
            ("difficulty", 0.75, {"tasks": GlyphsConfig(difficulty=0.75)}),
            ("num_filters", 24, {"model": ConvConfig(num_filters=24)}),
            ("num_layers", 3, {"model": ConvConfig(num_filters=16, num_layers=3)}),
            ("downsample", "max_pool", {"model": ConvConfig(num_filters=16, downsample="max_pool")}),
            ("norm", "group", {"model": ConvConfig(num_filters=16, norm="group")}),
            ("model", "mlp", {"model": MLPConfig(hidden_widths=(256, 128, 64, 64), batch_norm=True)}),
        ],
    )
    def test_what_belongs_to_images_restarts_the_run(self, field: str, value: Any, changes: dict[str, Any]):
        visit = Visit().choose(family="glyphs")
        visit.run.step = 50
        visit.choose(**{field: value})
        assert (visit.run.step, visit.run.changes.start) == (0, replace(IMAGES, changes))
        assert is_consistent(visit)

    @pytest.mark.parametrize(("field", "value"), [("shots", 2), ("num_query", 4), ("meta_batch_size", 3)])
    def test_how_many_images_may_change_while_it_trains(self, field: str, value: int):
        visit = Visit().choose(family="glyphs")
        visit.run.step = 50
        visit.choose(**{field: value})
        assert (visit.run.step, visit.config) == (50, replace(IMAGES, {field: value}))

    @pytest.mark.parametrize(("norm", "after", "back"), [("batch", "batch", "batch"), ("group", "none", "none")])
    def test_from_one_network_to_the_other_batch_norm_stays_on_or_off(self, norm: Any, after: str, back: str):
        start = replace(IMAGES, {"model": ConvConfig(num_filters=8, norm=norm)})
        mlp = with_kind(start, "mlp").config
        assert mlp.model == MLPConfig(hidden_widths=(256, 128, 64, 64), batch_norm=after == "batch")
        assert with_kind(mlp, "conv").config.model == ConvConfig(num_filters=16, norm=back)  # type: ignore[arg-type]

    def test_a_treatment_of_batch_norm_survives_another_network(self):
        visit = Visit().choose(family="glyphs").choose(norm="running").choose(per_step_statistics=True)
        visit.choose(model="mlp")
        assert (visit.config.batch_norm_treatment, visit.config.per_step_statistics) == ("running", True)
        assert is_consistent(visit.choose(model="conv"))

    def test_no_widget_keeps_what_the_run_has_not(self):
        visit = Visit()
        for values in (
            {"family": "glyphs"},
            {"norm": "group"},
            {"model": "mlp"},
            {"activation": "gelu"},
            {"family": "linear"},
            {"family": "glyphs"},
            {"algorithm": "maml_plus_plus"},
            {"downsample": "max_pool"},
            {"model": "mlp"},
            {"family": "sinusoid"},
        ):
            assert is_consistent(visit.choose(**values)), values

    def test_another_family_leaves_a_network_chosen_in_the_same_rerun(self):
        visit = Visit().choose(hidden_widths="20", family="linear")
        assert visit.config.model == MLPConfig(hidden_widths=(20,))
        assert is_consistent(visit)

    @pytest.mark.parametrize(
        "query", [{"shots": "25"}, {"num_query": "60", "evaluation_steps": "1", "meta_batch_size": "5"}], ids=str
    )
    def test_as_many_images_as_a_config_accepts_have_their_place(self, query: dict[str, str]):
        visit = Visit(**(GLYPHS | query))
        assert is_consistent(visit)
        assert visit.notes == []


class TestOmniglot:
    def test_without_its_images_the_run_stays_and_the_box_offers_them(self):
        visit = begun()
        visit.choose(family="omniglot")
        assert (visit.run.step, visit.config) == (50, DEFAULT_PRESET.config)
        assert is_consistent(visit)
        assert NO_OMNIGLOT in visit.texts
        assert NO_OMNIGLOT.count(". ") == 1
        assert visit.buttons == {"Download", "Not now"}
        assert visit.type("/somewhere").buttons == {"Download", "Import", "Not now"}

    def test_a_preset_of_it_asks_for_them_too(self):
        visit = begun()
        visit.preset("Omniglot, fast demo")
        assert (visit.run.step, visit.buttons) == (50, {"Download", "Not now"})

    def test_who_does_not_want_them_now_is_left_alone(self):
        visit = begun()
        visit.choose(family="omniglot")
        assert visit.press("Not now").buttons == set()
        assert visit.run.step == 50

    def test_another_choice_closes_the_box(self):
        visit = begun()
        visit.choose(family="omniglot")
        visit.choose(family="linear")
        assert visit.buttons == set()

    def test_imported_they_start_a_run_whose_settings_act(self, tmp_path: Path):
        visit = begun()
        visit.choose(family="omniglot")
        visit.type(official(tmp_path / "omniglot")).press("Import")
        assert visit.errors == []
        assert find_omniglot().state == "ready"
        assert (visit.run.step, visit.run.changes.start) == (0, few_shot(OmniglotConfig()))
        assert visit.buttons == set()
        assert is_consistent(visit)
        for field, value in (("split", "random"), ("rotations", False), ("ways", 4)):
            visit.run.step = 50
            visit.choose(**{field: value})
            assert (visit.run.step, getattr(visit.config.tasks, field)) == (0, value)
            assert is_consistent(visit)

    def test_a_server_that_does_not_answer_is_said_and_the_run_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        visit = begun()
        visit.choose(family="omniglot")

        def busy(*_: object) -> None:
            raise StoreError("refused", "the server is busy; try again")

        monkeypatch.setattr(type(hub()), "restart", busy)
        (error,) = visit.type(official(tmp_path / "omniglot")).press("Import").errors
        assert error == "The server is busy; try again."
        assert (visit.run.step, visit.config) == (50, DEFAULT_PRESET.config)

    def test_there_already_they_are_chosen_like_any_family(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MAML_OMNIGLOT", str(official(tmp_path / "omniglot")))
        visit = begun()
        visit.choose(family="omniglot")
        assert (visit.run.step, visit.config, visit.buttons) == (0, few_shot(OmniglotConfig()), set())

    def test_an_image_runs_settings_stay(self, tmp_path: Path):
        visit = Seen(**GLYPHS)
        hub().change(visit.token, {"alpha": 0.3})
        visit.choose(family="omniglot")
        visit.type(official(tmp_path / "omniglot")).press("Import")
        assert (visit.config.tasks, visit.config.alpha, visit.config.evaluation_tasks) == (OmniglotConfig(), 0.3, 10)

    @pytest.mark.parametrize("path", ["/no/such_folder", "~nobody_of_this_name/x", "x" * 400], ids=lambda p: p[:20])
    def test_a_wrong_path_is_said_and_the_run_stays(self, path: str):
        visit = begun()
        visit.choose(family="omniglot")
        (error,) = visit.type(path).press("Import").errors
        assert error.startswith(f"There is no '{path}' on this machine; name a folder")
        assert (visit.run.step, visit.config) == (50, DEFAULT_PRESET.config)

    def test_a_folder_of_something_else_is_said(self, birds: Path):
        visit = begun()
        visit.choose(family="omniglot")
        (error,) = visit.type(birds).press("Import").errors
        assert "images_background" in error
        assert visit.run.step == 50

    def test_an_environment_that_names_no_folder_is_told_apart(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MAML_OMNIGLOT", "/no/such")
        visit = begun()
        visit.choose(family="omniglot")
        assert any("MAML_OMNIGLOT names /no/such, which is not there" in text for text in visit.texts)

    def test_on_a_shared_server_nothing_is_fetched(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MAML_SHARED", "1")
        visit = begun()
        visit.choose(family="omniglot")
        assert NO_SHARED_OMNIGLOT in visit.texts
        assert (visit.buttons, visit.has_path, visit.run.step) == ({"Not now"}, False, 50)


class TestFolder:
    def test_its_images_start_a_run_and_what_was_skipped_is_said(self, birds: Path):
        visit = begun()
        visit.choose(family="folder")
        assert (visit.run.step, visit.buttons) == (50, {"Not now"})
        visit.type(birds).press("Use these images")
        assert visit.errors == []
        expected = few_shot(FolderConfig(folder=str(birds), ways=2))
        assert (visit.run.step, visit.run.changes.start) == (0, expected)
        notes = [note.replace("\\", "") for note in visit.notes]
        assert notes[0] == "The other settings are those of the fast demo with images."
        assert notes[1] == "The smallest split has 2 classes: ways was set to 2."
        assert notes[2].startswith("2 files or folders were skipped, such as ")
        assert any(name in notes[2] for name in ("bird 3/5.png", "bird 4/list.txt"))
        assert is_consistent(visit)

    def test_pixels_and_colour_are_those_of_the_box(self, birds: Path):
        visit = begun()
        visit.choose(family="folder").type(birds)
        next(box for box in visit.app.number_input if box.label == "Pixels").set_value(20)
        next(box for box in visit.app.selectbox if box.label == "Colour").set_value("rgb")
        visit.press("Use these images")
        assert visit.config.image_shape == (3, 20, 20)

    def test_another_folder_can_take_its_place(self, birds: Path, tmp_path: Path):
        visit = begun()
        visit.choose(family="folder").type(birds).press("Use these images")
        other = birds.rename(tmp_path / "others")
        visit.press(next(button.label for button in visit.app.button if button.label.startswith("Another folder")))
        visit.type(other).press("Use these images")
        assert visit.config.tasks == FolderConfig(folder=str(other), ways=2)

    def test_a_path_may_come_in_quotes(self, birds: Path):
        visit = begun()
        visit.choose(family="folder").type(f' "{birds}" ').press("Use these images")
        assert visit.config.tasks == FolderConfig(folder=str(birds), ways=2)

    def test_too_few_classes_are_said_and_the_run_stays(self, birds: Path):
        visit = begun()
        visit.choose(family="folder")
        (error,) = visit.type(birds / "bird 0").press("Use these images").errors
        assert "4 are needed" in error
        assert (visit.run.step, visit.config) == (50, DEFAULT_PRESET.config)

    def test_a_shared_server_reads_none(self, birds: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MAML_SHARED", "1")
        visit = begun()
        visit.choose(family="folder")
        assert any(text.startswith("This server is shared and reads no folders") for text in visit.texts)
        assert (visit.buttons, visit.has_path, visit.run.step) == ({"Not now"}, False, 50)

    def test_fewer_images_than_the_settings_ask_for_are_enough(self):
        config = few_shot(FolderConfig(folder="/x"))
        fitting = limited_to(config, classes=20, images=3)
        assert fitting.config == replace(config, {"num_query": 2})
        assert fitting.notes == ("The smallest class has 3 images: shots + query was set to 1 + 2.",)
        assert limited_to(replace(config, {"shots": 5}), classes=20, images=2).config == replace(
            config, {"num_query": 1}
        )
        assert limited_to(config, classes=5, images=4) == (config, ())


class TestAddress:
    @staticmethod
    def folder_address(folder: Path) -> dict[str, str]:
        return {"v": "1", "tasks__kind": "folder", "tasks__folder": str(folder), "tasks__ways": "2", "num_query": "1"}

    def test_omniglot_that_is_missing_falls_back_to_glyphs_with_the_reason(self):
        visit = Seen(**(GLYPHS | {"tasks__kind": "omniglot"}))
        opened = address.read({key.replace("__", "."): text for key, text in GLYPHS.items()}).config
        assert visit.config == opened
        assert [note.replace("\\", "") for note in visit.notes] == [f"{NO_OMNIGLOT} {STAND_IN}"]
        assert visit.buttons == {"Download", "Stay with Glyphs"}
        assert is_consistent(visit)

    def test_omniglot_that_comes_later_starts_with_all_settings_of_the_address(self, tmp_path: Path):
        asked = GLYPHS | {"tasks__kind": "omniglot", "tasks__rotations": "no", "tasks__ways": "3", "alpha": "0.3"}
        visit = Seen(**asked, t="20:a:0.2", at="30")
        first = visit.token
        visit.type(official(tmp_path / "omniglot")).press("Import")
        assert visit.config.tasks == OmniglotConfig(rotations=False, ways=3)
        assert (visit.config.alpha, visit.config.evaluation_tasks) == (0.3, 10)
        assert [(entry.step, dict(entry.changes)) for entry in visit.run.changes.scheduled] == [(20, {"alpha": 0.2})]
        assert visit.token != first
        assert visit.buttons == set()

    def waiting(self, folder: Path, **more: str) -> Seen:
        """A page whose address names a folder that is not there."""
        settings = {
            "shots": "2",
            "alpha": "0.07",
            "tasks__size": "16",
            "tasks__split_seed": "3",
            "evaluation_tasks": "10",
        }
        return Seen(**self.folder_address(folder), **settings, **more)

    def test_a_folder_that_is_given_starts_the_run_with_all_settings_of_the_address(self, birds: Path, tmp_path: Path):
        there = birds.rename(tmp_path / "elsewhere")
        visit = self.waiting(birds, t="20:a:0.2", at="30", look="spectrum")
        assert shown_chart(visit) == "spectrum"
        assert (visit.config.tasks, visit.config.alpha, visit.config.shots) == (GlyphsConfig(ways=2), 0.07, 2)
        assert is_consistent(visit)
        assert any(f"names the folder {birds}, which is not on this machine" in text for text in visit.texts)
        visit.type(tmp_path / "nothing").press("Start with these images")
        assert any("There is no" in error for error in visit.errors)
        assert visit.config.tasks == GlyphsConfig(ways=2)
        visit.type(there).press("Start with these images")
        assert visit.config.tasks == FolderConfig(folder=str(there), ways=2, size=16, split_seed=3)
        assert (visit.config.alpha, visit.config.shots, visit.config.num_query) == (0.07, 2, 1)
        assert visit.run.origin.shared is not None
        assert (visit.run.origin.shared.at, len(visit.run.changes.scheduled)) == (30, 1)
        assert shown_chart(visit) == "spectrum"
        assert is_consistent(visit)
        assert not visit.has_path

    def test_until_then_the_address_asks_for_them_again(self, birds: Path, tmp_path: Path):
        birds.rename(tmp_path / "elsewhere")
        visit = self.waiting(birds)
        awaited = hub().awaited(visit.token)
        assert awaited is not None
        assert awaited.config.tasks == FolderConfig(folder=str(birds), ways=2, size=16, split_seed=3)
        visit.choose(shots=3).choose(ways=4)  # what is changed on the way counts
        awaited = hub().awaited(visit.token)
        assert awaited is not None
        assert (awaited.config.shots, awaited.config.tasks.ways) == (3, 4)  # type: ignore[union-attr]
        pairs = parse_qsl(address.write(awaited.config))
        again = Seen(**{key.replace(".", "__"): text for key, text in pairs})
        assert "Start with these images" not in {button.label for button in again.app.button}  # before a path is typed
        assert again.has_path
        assert (again.config.shots, again.config.alpha) == (3, 0.07)

    @pytest.mark.parametrize("how", ["stay", "other tasks", "a preset"])
    def test_or_they_are_done_without(self, birds: Path, tmp_path: Path, how: str):
        birds.rename(tmp_path / "elsewhere")
        visit = self.waiting(birds)
        if how == "stay":
            visit.press("Stay with Glyphs")
            assert (visit.config.alpha, visit.config.shots) == (0.07, 2)
        elif how == "other tasks":
            visit.choose(family="sinusoid")
        else:
            visit.app.selectbox(key="preset").set_value("Fast demo")
            visit.rerun()
        assert hub().awaited(visit.token) is None
        assert not visit.has_path

    def test_a_run_whose_folder_went_away_is_asked_where_it_is_now(self, birds: Path, tmp_path: Path):
        visit = Seen(**self.folder_address(birds), shots="1", evaluation_tasks="10")
        assert not any(field.key == "images.lost_path" for field in visit.app.text_input)
        there = birds.rename(tmp_path / "elsewhere")
        visit.run.failed(f"there is no {birds}.", lost_images=True)
        assert f"there is no {birds}. The run stands at its last good step. The sidebar asks" in visit.run.sentence
        visit.rerun()
        assert any(f"The images of this run were in {birds}" in text for text in visit.texts)
        visit.app.text_input(key="images.lost_path").set_value(str(there))
        visit.press("Find")
        assert visit.config.tasks == FolderConfig(folder=str(there), ways=2)
        assert visit.config.evaluation_tasks == 10
        assert visit.run.sentence == ""
        assert not any(field.key == "images.lost_path" for field in visit.app.text_input)

    def test_a_folder_that_is_there_is_opened(self, birds: Path):
        visit = Seen(**self.folder_address(birds), shots="1", evaluation_tasks="10")
        assert visit.config.tasks == FolderConfig(folder=str(birds), ways=2)
        assert visit.notes == []

    @pytest.mark.parametrize("folder", ["/no/such", "~nobody_of_this_name", ""])
    def test_one_that_is_missing_falls_back_to_glyphs_with_the_reason(self, folder: str):
        visit = Seen(**self.folder_address(Path(folder)) | {"tasks__folder": folder}, shots="1", evaluation_tasks="10")
        (note,) = visit.notes
        assert "folder, or a zip file" in note.replace("\\", "")
        assert STAND_IN in note
        assert visit.config == replace(
            RunConfig(), {"tasks": GlyphsConfig(ways=2), "num_query": 1, "shots": 1, "evaluation_tasks": 10}
        )

    def test_a_shared_server_reads_none(self, birds: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MAML_SHARED", "1")
        visit = Seen(**self.folder_address(birds), shots="1", evaluation_tasks="10")
        assert (visit.config.tasks, visit.config.shots) == (GlyphsConfig(ways=2), 1)
        assert hub().awaited(visit.token) is None
        assert "reads no folders" in visit.notes[0]
        visit.rerun()
        assert not any(isinstance(page.run.config.tasks, FolderConfig) for page in hub().pages.all())


def test_other_tasks_of_the_same_kind_leave_the_settings() -> None:
    config = replace(IMAGES, {"alpha": 0.1, "shots": 3})
    tasks = OmniglotConfig(ways=7)
    assert with_tasks(config, tasks) == (replace(config, {"tasks": tasks}), ())
    curves = RunConfig(alpha=0.3)
    assert with_tasks(curves, SinusoidConfig(noise_std=0.1)).config.alpha == 0.3


def test_between_images_alpha_becomes_that_of_the_new_ones_unless_it_was_chosen() -> None:
    folder = FolderConfig(folder="/x")
    there = with_tasks(IMAGES, folder)
    assert there.config == few_shot(folder)
    assert there.notes == ("α was set to 0.1, for such tasks.",)
    assert with_tasks(there.config, GlyphsConfig()).config == IMAGES
    assert with_tasks(replace(IMAGES, {"alpha": 0.5}), folder).config.alpha == 0.5
    assert with_tasks(IMAGES, OmniglotConfig()).config == few_shot(OmniglotConfig())


def test_lines_are_learned_with_a_beta_of_their_own_unless_one_was_chosen() -> None:
    sinusoids = DEFAULT_PRESET.config
    lines, notes = with_tasks(sinusoids, LinearConfig())
    assert lines == replace(sinusoids, {"tasks": LinearConfig(), "beta": 1e-3})
    assert notes == ("β was set to 0.001, for such tasks.",)
    assert with_tasks(lines, LinearConfig(num_features=2)).notes == ()
    assert with_tasks(lines, SinusoidConfig()).config == sinusoids
    own = replace(sinusoids, {"beta": 5e-4})
    assert with_tasks(own, LinearConfig()) == (replace(own, {"tasks": LinearConfig()}), ())
    assert with_tasks(IMAGES, LinearConfig()).config.beta == 1e-3


@pytest.mark.parametrize("folder", ["/data/c++/a&b=c #1", "C:\\birds_of\\x~y", "/with:colon,comma%20", "/Vögel/鳥"])
def test_a_folder_is_read_back_from_an_address(folder: str) -> None:
    config = few_shot(FolderConfig(folder=folder))
    query = dict(parse_qsl(address.write(config), keep_blank_values=True, strict_parsing=True))
    assert address.read(query) == address.Address(config, (), ())
