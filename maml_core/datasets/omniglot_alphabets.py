"""Omniglot's alphabets as they are published, and which of their characters are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Literal

import numpy as np

from maml_core.datasets.imageset import ImageSet, Ints, Split
from maml_core.datasets.splits import Splits, parted, shuffled
from maml_core.errors import DataError

ALPHABETS: Mapping[str, Mapping[str, int]] = {
    "background": {
        "Alphabet_of_the_Magi": 20,
        "Anglo-Saxon_Futhorc": 29,
        "Arcadian": 26,
        "Armenian": 41,
        "Asomtavruli_(Georgian)": 40,
        "Balinese": 24,
        "Bengali": 46,
        "Blackfoot_(Canadian_Aboriginal_Syllabics)": 14,
        "Braille": 26,
        "Burmese_(Myanmar)": 34,
        "Cyrillic": 33,
        "Early_Aramaic": 22,
        "Futurama": 26,
        "Grantha": 43,
        "Greek": 24,
        "Gujarati": 48,
        "Hebrew": 22,
        "Inuktitut_(Canadian_Aboriginal_Syllabics)": 16,
        "Japanese_(hiragana)": 52,
        "Japanese_(katakana)": 47,
        "Korean": 40,
        "Latin": 26,
        "Malay_(Jawi_-_Arabic)": 40,
        "Mkhedruli_(Georgian)": 41,
        "N_Ko": 33,
        "Ojibwe_(Canadian_Aboriginal_Syllabics)": 14,
        "Sanskrit": 42,
        "Syriac_(Estrangelo)": 23,
        "Tagalog": 17,
        "Tifinagh": 55,
    },
    "evaluation": {
        "Angelic": 20,
        "Atemayar_Qelisayer": 26,
        "Atlantean": 26,
        "Aurek-Besh": 26,
        "Avesta": 26,
        "Ge_ez": 26,
        "Glagolitic": 45,
        "Gurmukhi": 45,
        "Kannada": 41,
        "Keble": 26,
        "Malayalam": 47,
        "Manipuri": 40,
        "Mongolian": 30,
        "Old_Church_Slavonic_(Cyrillic)": 45,
        "Oriya": 46,
        "Sylheti": 28,
        "Syriac_(Serto)": 23,
        "Tengwar": 25,
        "Tibetan": 42,
        "ULOG": 26,
    },
}
"""The published alphabets of each part, with their characters: character01, character02 and so on."""

UNSORTED = "unsorted"
"""The part of alphabets that lie in no official folder and have no published name."""

NUM_CLASSES = sum(sum(alphabets.values()) for alphabets in ALPHABETS.values())
"""Characters of both parts."""

NO_EVALUATION = (
    "the evaluation alphabets are not there; put images_evaluation.zip beside images_background.zip and import both, "
    "or run: maml data omniglot --download"
)


def omniglot_splits(images: ImageSet, *, split: Literal["alphabets", "background", "random"], seed: int) -> Splits:
    """Which characters are trained on.

    Args:
        images: From `load_omniglot`.
        split: "alphabets", as published: the background alphabets to train on, less one in six (5 of the 30) that are held out for
            validation, and the evaluation alphabets for the test. "background": of the background alphabets alone another sixth is held
            out for the test, whatever else is there. "random", as in the MAML papers: 1,100 characters of all alphabets to train on,
            100 for validation and 423 for the test. Where some alphabets are not there, the characters of the others stay in the
            part that they have in the whole; of alphabets that are not whole, or not Omniglot's, each part is split by itself.
        seed: Which alphabets, or characters, are held out.

    Raises:
        DataError: There are too few to hold some out.
    """
    number = len(images.class_names)
    if split == "random":
        if number < 6:
            raise DataError("few", f"{number} characters cannot be split in three; import all of Omniglot")
        classes = _random_split(images, seed)
        sizes = " / ".join(str(len(part)) for part in classes.values())
        whole = number == NUM_CLASSES
        note = (
            "" if whole else f"{number} of {NUM_CLASSES:,} characters are there, so {sizes} instead of 1100 / 100 / 423"
        )
        return Splits(classes=classes, note=note)
    groups = np.array(images.groups)
    background = [group for group in dict.fromkeys(images.groups) if group.startswith("background/")]
    if any(group.startswith(f"{UNSORTED}/") for group in images.groups):
        raise DataError(
            "few",
            f"these alphabets lie in no folder images_background or images_evaluation, so the split {split} is not known; choose the split random",
        )
    if len(background) < (3 if split == "background" else 2):
        raise DataError(
            "few",
            f"{len(background)} background alphabets are too few for the split {split}; choose the split random, or import all",
        )
    order = [background[i] for i in shuffled(len(background), seed)]
    sixth = max(1, round(len(background) / 6))
    held_out, tested = order[:sixth], order[sixth : 2 * sixth] if split == "background" else []
    is_background, is_held_out, is_tested = (np.isin(groups, names) for names in (background, held_out, tested))
    found: dict[Split, Ints] = {
        "meta_train": np.flatnonzero(is_background & ~is_held_out & ~is_tested),
        "meta_validation": np.flatnonzero(is_held_out),
    }
    note = f"held out for validation: {_listed(held_out)}"
    if split == "background":
        note += f"; for the test: {_listed(tested)}"
        return Splits(classes=found | {"meta_test": np.flatnonzero(is_tested)}, note=note)
    if is_background.all():
        return Splits(classes=found, missing={"meta_test": NO_EVALUATION}, note=note)
    return Splits(classes=found | {"meta_test": np.flatnonzero(~is_background)}, note=note)


def _random_split(images: ImageSet, seed: int) -> dict[Split, Ints]:
    """Characters of all alphabets in three parts; those of one official folder are split the same whether the other is there or not."""
    keys = [(group, name.rpartition("/")[2]) for group, name in zip(images.groups, images.class_names)]
    whole = _whole()
    if set(keys) == {key for key in whole if key[0] in set(images.groups)}:  # published alphabets, every character
        places = np.array([whole[key] for key in keys])
        drawn = parted(NUM_CLASSES, seed, num_validation=100, num_test=423)
        return {split: np.flatnonzero(np.isin(places, part)) for split, part in drawn.items()}
    found: dict[Split, list[Ints]] = {"meta_train": [], "meta_validation": [], "meta_test": []}
    of = np.array([group.partition("/")[0] for group in images.groups])
    for name in dict.fromkeys(of.tolist()):
        members = np.flatnonzero(of == name)
        few = min(5, len(members) // 3)  # enough for a task
        num_validation, num_test = (max(few, round(len(members) * part / NUM_CLASSES)) for part in (100, 423))
        for split, part in parted(len(members), seed, num_validation=num_validation, num_test=num_test).items():
            found[split].append(members[part])
    return {split: np.sort(np.concatenate(parts)) for split, parts in found.items()}


@lru_cache(maxsize=1)
def _whole() -> dict[tuple[str, str], int]:
    """The place of every published character among all of them, by its alphabet with its part, and its name."""
    sizes = [(f"{part}/{name}", size) for part, names in ALPHABETS.items() for name, size in sorted(names.items())]
    starts = [0, *accumulate(size for _, size in sizes)]
    return {
        (group, f"character{number + 1:02d}"): start + number
        for (group, size), start in zip(sizes, starts)
        for number in range(size)
    }


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(sorted(group.partition("/")[2] for group in groups))
