"""A member that some table does not know fails by its name: seen by adding made-up ones to a copy, and reading what fails there."""

from __future__ import annotations

import pytest

from tests.contracts.copies import Outcome, copied, pytest_in

pytestmark = pytest.mark.slow

ADDED = {
    "algorithm": ('algorithm: Literal["maml",', 'algorithm: Literal["made_up_algorithm", "maml",'),
    "optimizer": ('outer_optimizer: Literal["adam",', 'outer_optimizer: Literal["made_up_optimizer", "adam",'),
    "activation": ('activation: Literal["relu",', 'activation: Literal["made_up_activation", "relu",'),
    "treatment": (
        'batch_norm_treatment: Literal["batch",',
        'batch_norm_treatment: Literal["made_up_treatment", "batch",',
    ),
    "switch": (
        "    recompute: bool = setting(",
        '    made_up_switch: bool = setting(False, "Nothing.")\n    recompute: bool = setting(',
    ),
    "family": (
        "CurveConfig = SinusoidConfig | LinearConfig",
        '@documented\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass MadeUpConfig:\n    """Nothing."""\n\n    called = "Made up"\n'
        '    kind: Literal["made_up_family"] = "made_up_family"\n\n\n'
        "CurveConfig = SinusoidConfig | LinearConfig | MadeUpConfig",
    ),
}


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The contracts of a copy whose config has made-up members that nothing else knows."""
    place = copied(tmp_path_factory.mktemp("forgotten"))
    config = place / "maml_core" / "config.py"
    text = config.read_text(encoding="utf-8")
    for before, after in ADDED.values():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    config.write_text(text, encoding="utf-8")
    return pytest_in(place, "tests/contracts/test_choices.py", "tests/contracts/test_setting_names.py", "-k", "made_up")


EVERYWHERE = {"sidebar_shows_it", "trains_on_the_page", "saved_resumed_evaluated_and_exported", "swept_and_costed"}


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("algorithm=made_up_algorithm", EVERYWHERE),
        ("an_algorithm_has_its_words_its_costs_and_its_formulas[made_up_algorithm]", {""}),
        ("outer_optimizer=made_up_optimizer", EVERYWHERE),
        ("model.activation=made_up_activation", EVERYWHERE),
        ("batch_norm_treatment=made_up_treatment", EVERYWHERE),
        ("tasks=made_up_family", EVERYWHERE),
        ("a_switch_of_a_run_has_a_toggle[made_up_switch]", {""}),
        ("every_setting_has_a_label_and_a_symbol[made_up_switch]", {""}),
    ],
)
def test_a_member_that_nothing_knows_fails_by_its_name(member: str, expected: set[str], tested: Outcome) -> None:
    failed = [test for test in tested.failed if member in test]
    missing = [part for part in expected if not any(part in test for test in failed)]
    assert missing == [], tested.output[-4000:]
