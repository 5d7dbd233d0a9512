"""What one theta_0 is like, measured on the real network: a file a measurement, each a pure function of theta_0, tasks and the rule by which it adapts;
and the next outer step of a run taken apart.

They adapt and differentiate by the engine's own `adapt`, `evaluate` and `meta_gradient`. What they return is in `analysis_records`; `looks`
has them at sizes that a page can wait for. This file imports nothing, so that whoever needs one measurement loads no other.
"""
