"""Explanations that the page shows in words."""

from __future__ import annotations

LESSON = """
1. **Before training.** Press **Inner step** a few times: from a random start, gradient steps on ten points barely bend the curve.
2. **Play.** The blue loss (before adaptation) stays near the dotted line, the best that any fixed curve can do; the orange one (after
   N steps) falls. MAML does not learn a curve, it learns a start that adapts.
3. **Pause, then Inner step.** Now few steps are enough. Drag *amplitude* and *phase*: any task will do.
4. **Drag α (alpha) up** while it trains, and watch the gauge: beyond 2/λ_max steps overshoot, and the run diverges. Drag it back: it goes on
   from the last good θ_0.
5. **Order: first** leaves the Hessian factors out. **Reset** and compare with the pale ghost of the run before.
6. **Algorithm: MAML++** has four switches; the row above the charts says what each does now. Watch the learned rates leave α.
"""
