"""Outer steps in compiled form: what one computes and how it is called (`step`), and the folder that they are kept in (`files`)."""
