"""Explanations that the page shows in words."""

from __future__ import annotations

LESSON = """
1. **Before training.** Press **Inner step** a few times: it begins at θ_0 (k = 0) and takes one step a press. From a random start,
   gradient steps on ten points barely bend the curve.
2. **Play.** The blue loss (before adaptation) stays near the dotted line, the best that any fixed curve can do; the orange one (after
   N steps) falls. MAML does not learn a curve, it learns a start that adapts.
3. **Pause, then Inner step.** Now few steps are enough. Drag *amplitude* and *phase*: any task will do.
4. **Drag α (alpha) up** while it trains, and watch the gauge: beyond 2/λ_max steps on a quadratic overshoot, and the gauge says
   whether they do here. Far beyond, the run diverges. Drag it back: it goes on
   from the last good θ_0.
5. **Order: first** leaves the Hessian factors out. **Reset** and compare with the pale ghost of the run before.
6. **Algorithm: MAML++** has four switches; the line above the charts names them, and point at one to read what it does now. Watch the
   learned rates leave α.
"""

LESSON_IMAGES = """
1. **Before training.** Press **Inner step** a few times: it begins at θ_0 (k = 0) and takes one step a press:
   one drawing of each class, and the bars beside the query images hardly move towards the right class. An untrained θ_0 does not learn from so little.
2. **Play.** The blue accuracy (before adaptation) stays near guessing, for labels are dealt anew in every task; the orange one (after
   N steps) rises. Press **Loss** to see the same as cross-entropy.
3. **Pause, then New task** and **Inner step.** These characters were never trained on, and now one step names most of them. **Confusion**
   counts which are taken for which.
4. **Paths.** Choose **Layers** in its list to see how far each layer moves in the inner steps, and **Filters** for what that does to the
   first one. Then choose **Algorithm: ANIL**: only the head moves. How much is lost?
5. **Preset: Glyphs, inductive.** Batch norm no longer sees the other query images. Compare with the pale ghost of the run before.
6. **Draw your own** characters, two classes or more and a query; a trained θ_0 adapts to them while you draw.
"""
