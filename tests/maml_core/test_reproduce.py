"""The published protocols: what is trained, how it is judged, and that a stopped reproduction goes on."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.baselines import evaluate_oracle
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import MLPConfig, RunConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Entry, Summary
from maml_core.reproduce import (
    CHUNK_STEPS,
    MAX_RESUMED,
    SINUSOID,
    TEST_SEED,
    Case,
    Published,
    Reproduction,
    Row,
    Update,
    cases,
    chosen,
    markdown,
    save_table,
)
from maml_core.runs import replay, rule
from maml_core.storage import state_from_bytes
from maml_core.store import load_run

STEPS = 2 * CHUNK_STEPS + 20
SMALL: dict[str, Any] = {"meta_batch_size": 2, "num_query": 3, "evaluation_tasks": 2}


def small_case(name: str = "MAML", **changes: Any) -> Case:
    setup = chosen([name])[0]
    (case, *_) = cases([setup], seed=3)
    model = MLPConfig(hidden_widths=(4,))
    return Case(setup, dataclasses.replace(case.config, model=model, **{**SMALL, **changes}))


def reproduction(folder: Path, *trained: Case, executor: Executor, num_steps: int = STEPS, **more: Any) -> Reproduction:
    return Reproduction(trained, folder, num_steps=num_steps, executor=executor, at_once=2, **more)


class Counting(ThreadPoolExecutor):
    """Counts chunks, and is interrupted after some."""

    def __init__(self, interrupt_after: int = 10**9) -> None:
        super().__init__(1)
        self.left = interrupt_after

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().submit(fn, *args, **kwargs)


def test_every_set_up_is_the_papers_protocol_but_for_what_it_names() -> None:
    protocol = RunConfig(joint_baseline=False, evaluate_every=1000)
    for case in cases(SINUSOID, seed=0):
        differs = {
            f.name for f in dataclasses.fields(RunConfig) if getattr(case.config, f.name) != getattr(protocol, f.name)
        }
        assert differs <= {"shots", *case.setup.settings}
    assert (protocol.alpha, protocol.num_inner_steps, protocol.beta, protocol.meta_batch_size) == (0.01, 1, 1e-3, 25)


def test_each_is_trained_at_ten_and_at_five_shots() -> None:
    """Joint pretraining sees no support point in training: one theta_0 serves both."""
    found = [(case.setup.name, case.config.shots) for case in cases(chosen(["maml", "Joint Pretraining"]), seed=0)]
    assert found == [("MAML", 10), ("MAML", 5), ("Joint pretraining", 10)]


def test_what_is_not_trained_has_one_case_and_needs_no_run(tmp_path: Path) -> None:
    untrained = cases(chosen(["random start", "from scratch"]), seed=0)
    assert [case.config.shots for case in untrained] == [10, 10]
    small = [
        Case(case.setup, dataclasses.replace(case.config, model=MLPConfig(hidden_widths=(4,)), **SMALL))
        for case in untrained
    ]
    with ThreadPoolExecutor(1) as executor:
        run = reproduction(tmp_path, *small, executor=executor)
        run.train()
        rows = run.rows(num_tasks=3)
    assert run.num_steps_in_all == 0
    assert not any(tmp_path.iterdir())
    random, scratch = rows[1], rows[3]
    assert (random.trained_shots, random.test_shots, random.outer_steps) == (None, 10, 0)
    assert random.summary.mean[10] != random.summary.mean[0]
    assert scratch.summary.mean[10] == scratch.summary.mean[0]
    assert "| Random start | - / 5 |" in markdown(rows)


def test_the_oracle_is_judged_and_not_the_run_beside_it(tmp_path: Path) -> None:
    case = small_case("Oracle")
    with ThreadPoolExecutor(1) as executor:
        run = reproduction(tmp_path, case, executor=executor, num_steps=30)
        run.train()
        (row, _) = run.rows(num_tasks=5, test_shots=(10, 5))
    config = dataclasses.replace(case.config, evaluation_seed=TEST_SEED)
    problem = build_problem(config)
    oracle = state_from_bytes(load_run(tmp_path / case.folder).state).baselines["oracle"]
    expected = summarize(evaluate_oracle(oracle.theta, held_out_tasks(config, problem, 5), problem=problem))
    np.testing.assert_allclose(row.summary.mean, expected.mean[0])


def test_the_seed_reaches_weights_and_tasks() -> None:
    (case, _) = cases(chosen(["maml"]), seed=7)
    assert (case.config.weights_seed, case.config.tasks_seed) == (7, 7)
    assert case.config.evaluation_seed != TEST_SEED


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Meta-SGD"):
        chosen(["MAML", "MAMLL"])


def test_a_training_equals_a_replay(tmp_path: Path) -> None:
    case = small_case()
    with ThreadPoolExecutor(1) as executor:
        reproduction(tmp_path, case, executor=executor).train()
    saved = load_run(tmp_path / case.folder)
    _, state, records = replay(case.config, [], num_steps=STEPS)
    assert saved.step == STEPS
    np.testing.assert_array_equal(saved.records.query_loss, records.query_loss)
    for name, value in state_from_bytes(saved.state).meta.theta.items():
        assert value.equal(state.meta.theta[name])


def test_an_interrupted_one_is_saved_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    pair = [small_case(), small_case("Meta-SGD")]
    with ThreadPoolExecutor(1) as executor:
        reproduction(tmp_path / "whole", *pair, executor=executor).train()
    with Counting(interrupt_after=3) as executor, pytest.raises(KeyboardInterrupt):
        reproduction(tmp_path / "parts", *pair, executor=executor).train()
    halfway = load_run(tmp_path / "parts" / pair[0].folder).step
    assert 0 < halfway < STEPS
    with ThreadPoolExecutor(1) as executor:
        again = reproduction(tmp_path / "parts", *pair, executor=executor)
        assert again.steps_done >= halfway
        again.train()
    for case in pair:
        whole, parts = (load_run(tmp_path / kind / case.folder) for kind in ("whole", "parts"))
        assert whole.state == parts.state
        np.testing.assert_array_equal(whole.records.query_loss, parts.records.query_loss)


def test_what_is_trained_is_not_trained_again(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        reproduction(tmp_path, small_case(), executor=executor).train()
    with Counting(interrupt_after=0) as executor:
        reproduction(tmp_path, small_case(), executor=executor).train()


def test_the_run_of_another_training_is_not_taken_up(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        reproduction(tmp_path, small_case(), executor=executor, num_steps=20).train()
        with pytest.raises(StoreError, match="another training"):
            reproduction(tmp_path, small_case(beta=2e-3), executor=executor)
        with pytest.raises(StoreError, match="another training"):
            reproduction(tmp_path, small_case(), executor=executor, num_steps=10)


def test_progress_is_told_after_every_chunk(tmp_path: Path) -> None:
    told: list[Update] = []
    with ThreadPoolExecutor(1) as executor:
        reproduction(tmp_path, small_case(), executor=executor, on_progress=told.append).train()
    assert [progress.step for progress in told] == [CHUNK_STEPS, 2 * CHUNK_STEPS, STEPS]
    assert all(np.isfinite(progress.loss) for progress in told)


def test_a_training_that_was_rolled_back_goes_on_and_is_counted(tmp_path: Path) -> None:
    case = small_case(alpha=1.0, num_inner_steps=10)
    with ThreadPoolExecutor(1) as executor:
        run = reproduction(tmp_path, case, executor=executor, num_steps=60)
        run.train()
        (row, _) = sorted(run.rows(num_tasks=4), key=lambda row: -row.test_shots)
    assert 0 < row.resumed <= MAX_RESUMED
    timeline = load_run(tmp_path / case.folder).timeline
    assert sum(entry.kind == "resume" for entry in timeline) == row.resumed
    _, state, _ = replay(
        case.config, [entry for entry in timeline if entry.kind != "rollback"], num_steps=row.outer_steps
    )
    assert state.step == row.outer_steps
    assert "rolled back" in markdown([row])


def test_rows_are_judged_on_tasks_that_training_never_uses(tmp_path: Path) -> None:
    case = small_case("Meta-SGD")
    with ThreadPoolExecutor(1) as executor:
        run = reproduction(tmp_path, case, executor=executor, num_steps=30)
        run.train()
        rows = run.rows(num_tasks=7)
    assert [(row.trained_shots, row.test_shots) for row in rows] == [(10, 5), (10, 10)]
    problem = build_problem(case.config)
    learner = state_from_bytes(load_run(tmp_path / case.folder).state).meta
    for row in rows:
        config = dataclasses.replace(case.config, shots=row.test_shots, evaluation_seed=TEST_SEED)
        how = rule(config, problem, learner)
        tasks = held_out_tasks(config, problem, 7)
        expected = summarize(evaluate(learner.theta, tasks, problem=problem, num_steps=10, **how._asdict()))
        np.testing.assert_array_equal(row.summary.mean, expected.mean)


def row(means: list[float], published: dict[int, Published]) -> Row:
    numbers = np.array(means)
    shares = np.full(11, 0.02)
    return Row(
        name="MAML",
        trained_shots=10,
        test_shots=5,
        settings={},
        outer_steps=70_000,
        seed=0,
        test_tasks=10_000,
        summary=Summary(numbers, np.full(11, 0.014), 0.5 * numbers, shares),
        resumed=0,
        stopped="",
        cpu_s=180.0,
        published=published,
    )


def test_the_table_says_where_a_published_figure_is_missed() -> None:
    published = {1: Published(0.67, None, "x"), 5: Published(0.38, None, "x")}
    line = markdown([row([3.0, 0.574, 0.5, 0.5, 0.5, 0.424, 0.4, 0.4, 0.4, 0.4, np.inf], published)]).splitlines()[-1]
    assert line.split(" | ")[2:5] == ["0.574 ± 0.014", "0.424 ± 0.014", "inf"]
    assert line.endswith("| 0.67 / 0.38 (missed) / - |")


def test_the_saved_table_holds_everything(tmp_path: Path) -> None:
    save_table([row([1.0] * 10 + [np.inf], {1: Published(0.67, None, "x")})], tmp_path)
    (found,) = json.loads((tmp_path / "table.json").read_text())
    assert found["mean"] == [1.0] * 10 + [None]
    assert found["published"] == {"1": {"mean": 0.67, "ci95": None, "source": "x"}}
    assert (found["cpu_s"], found["seed"], found["test_seed"]) == (180.0, 0, TEST_SEED)
    assert "| MAML | 10 / 5 |" in (tmp_path / "table.md").read_text()


def test_chunks_resume_where_a_roll_back_stopped() -> None:
    """A chunk that is given the resumption moves a stopped run."""
    case = small_case(alpha=1.0, num_inner_steps=10)
    stopped = run_chunk(ChunkRequest(config=case.config, num_steps=60))
    assert stopped.status.kind != "ok"
    entry = Entry(step=stopped.step, kind="resume")
    moved = run_chunk(ChunkRequest(config=case.config, state=stopped.state, timeline=(entry,), num_steps=1))
    assert moved.step == stopped.step + 1
