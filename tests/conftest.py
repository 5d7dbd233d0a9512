"""What holds for every test: one torch thread, as in the workers, and property tests that do the same thing every time."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("maml", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("maml")
