"""A lesson to start from: a file that is read, checked and explained by its comments."""

from __future__ import annotations

TEMPLATE = """\
# A lesson of one's own. Check it with: maml lessons check THIS_FILE
# A claim that does not show at three seeds fails, with the sentence that came out instead.

title = "My lesson"                # at most 60 characters
about = "What does training do to the loss after three inner steps?"  # the question, without the answer
source = "Measured here"           # where it comes from
order = 100                        # where it stands in the list
minutes = 3
transfer = "Would the same happen with one inner step?"  # a question to carry on with
answer = "Yes, though it ends higher: one step reaches less far."

[setup]
preset = "Fast demo"               # a preset of the page, by its name
# [setup.changes]                  # settings that are other than the preset's
# alpha = 0.02
# tasks = { noise_std = 0.1 }

# One to twelve steps. What is measured in a step is known under its name: start.loss_after.
# `maml lessons measures` lists what is measured; some of it only while its chart is open (look = "task_disk").

[[steps]]
name = "start"                     # small letters
text = "The start is random. Walk through three inner steps: the curve hardly moves."  # at most 280 characters
lit = ["fit"]                      # what is pointed at: charts, settings, play, task, formulas

[steps.action]                     # what has to be done; leave it out where nothing has
kind = "inner"                     # train (until), set (setting, low, high), task or inner (times)
says = "Walk through the inner steps"

[[steps]]
name = "trained"
text = "Now train. Guess first: will the loss after three steps fall to less than half?"
lit = ["play", "loss"]
free = []                          # dials that may be moved: alpha, beta, num_inner_steps
# restart = { alpha = 0.05 }       # another run begins here, with these settings

[steps.prediction]                 # taken before the result may be seen
kind = "choice"                    # or number (truth, low, high), or curve (truth = "adaptation", num_points, low, high)
question = "The loss after three steps?"

[[steps.prediction.options]]       # of all options exactly one has to be right
text = "Less than half"
right = "trained.median_after < 0.5 * start.median_after"

[[steps.prediction.options]]
text = "More than half"
right = "trained.median_after >= 0.5 * start.median_after"

[steps.action]
kind = "train"
says = "Train to outer step 400"
until = 400

[[steps.verdict]]                  # the first case whose condition holds is said
when = "trained.median_after < 0.6 * start.median_after"
says = "It fell from {start.median_after:.2f} to {trained.median_after:.2f}."
taught = true                      # what the lesson teaches: it has to come out at every seed

[[steps.verdict]]                  # the last case has no condition
says = "It went from {start.median_after:.2f} to {trained.median_after:.2f}."
"""
