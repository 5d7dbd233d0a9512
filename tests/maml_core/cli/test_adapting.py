"""`maml adapt`: a saved run's theta_0 on points of somebody's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maml_core.points import read_points
from maml_core.prediction import predict
from maml_core.state_bytes import state_from_bytes
from maml_core.store import SavedRun
from tests.maml_core.cli.cases import SMALL_IMAGES, maml, said, trained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]

TEXT = "x;y\n-1;0,5\n0;-0,25\n2;1\n3;0\n7,5;-1\n1;1\n"


def adapted(run: SavedRun, x: list[float], num_steps: int) -> np.ndarray:
    """What a tanh network says after plain gradient steps on the points that `--hold-back` leaves."""
    theta = [value[0].detach() for value in state_from_bytes(run.state).meta.theta.values()]

    def network(at: torch.Tensor) -> torch.Tensor:
        w0, b0, w1, b1, w2, b2 = theta
        return torch.tanh(torch.tanh(at @ w0 + b0) @ w1 + b1) @ w2 + b2

    support, targets = (
        torch.tensor([[-1.0], [0.0], [3.0], [7.5]]).double(),
        torch.tensor([[0.5], [-0.25], [0.0], [-1.0]]),
    )
    for _ in range(num_steps):
        theta = [value.clone().requires_grad_() for value in theta]
        slopes = torch.autograd.grad((network(support) - targets).square().mean(), theta)
        theta = [(value - run.config.alpha * slope).detach() for value, slope in zip(theta, slopes, strict=True)]
    return network(torch.tensor(x)[:, None].double())[:, 0].numpy()


def test_losses_and_predictions_are_those_of_a_plain_inner_loop(tmp_path: Path) -> None:
    run = trained("run", "-N", "2", "--alpha", "0.05")
    file = tmp_path / "points.csv"
    file.write_text(TEXT, encoding="utf-8-sig")
    data = json.loads(maml("adapt", "run", str(file), "--hold-back", "--eval-steps", "4", "--json").stdout)
    assert (data["step"], data["num_support"], data["num_query"]) == (20, 4, 2)
    assert data["x"] == [-1.0, 0.0, 3.0, 7.5, 2.0, 1.0]  # support first
    np.testing.assert_allclose(data["before"], adapted(run, data["x"], 0), rtol=1e-9)
    np.testing.assert_allclose(data["after"], adapted(run, data["x"], 4), rtol=1e-9)
    assert len(data["support_loss"]) == len(data["query_loss"]) == 5
    for steps in (0, 4):
        said_of_query = adapted(run, [2.0, 1.0], steps)
        np.testing.assert_allclose(data["query_loss"][steps], np.square(said_of_query - 1.0).mean(), rtol=1e-5)
    assert data["outside"] == "Outside of training: x reaches 7.5 (there −5 to 5)."


def test_the_lines_of_the_readme_predict_the_same(tmp_path: Path) -> None:
    run = trained("run")
    (tmp_path / "points.csv").write_text(TEXT)
    points = read_points((tmp_path / "points.csv").read_text())
    found = predict(run.config, state_from_bytes(run.state), points.support_x, points.support_y, [0.5, 2.5])
    arguments = ["--at", "0.5", "--at", "2.5", "--json"]
    data = json.loads(maml("adapt", "run", str(tmp_path / "points.csv"), *arguments).stdout)
    np.testing.assert_allclose(data["after"], found, rtol=1e-12)
    assert "query_loss" not in data


def test_people_read_tables_and_what_is_not_measured() -> None:
    trained("run", "-N", "1")
    found = maml("adapt", "run", "-", input="1 2\n3 4\n").stdout
    assert "none is held back, so that there is no query loss" in found
    assert "query loss │" not in found
    assert "support loss" in found
    assert "Outside" not in found
    far = maml("adapt", "run", "-", "--at", "0.5", "--at", "100", input="1 2\n3 4\n").stdout
    assert "x reaches 100 (there −5 to 5)" in far
    held = maml("adapt", "run", "-", "--hold-back", "--step", "5", input="1 2\n3 4\n0 9\n").stdout
    assert "after 5 outer steps, adapted by 1 inner step to 2 points; 1 held back as query." in held
    assert "y reaches 9 (there −5 to 5)" in held


def test_what_is_no_file_of_points_is_refused(tmp_path: Path) -> None:
    trained("run")
    assert "there is no such file" in said(maml("adapt", "run", str(tmp_path / "none.csv"), code=2))
    assert "line 2: 'abc' is not a number" in said(maml("adapt", "run", "-", code=2, input="1 2\n3 abc\n"))
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\xe0")
    assert "UTF-8" in said(maml("adapt", "run", str(tmp_path / "picture.csv"), code=2))


@pytest.mark.usefixtures("omniglot")
def test_a_run_of_images_takes_no_points() -> None:
    maml("train", *SMALL_IMAGES, "--name", "fold", "--steps", "1")
    assert "no curves over one x" in said(maml("adapt", "fold", "-", code=2, input="1 2\n"))
