"""One chart, one file: its record, how it is made of results, its figure, the numbers of a frame and its words.

A figure holds no data. It is made per looks and per palette, and its traces are then filled frame by frame, by their names. `all` lists the
live page's charts; what several share lies in `basics`, `style`, `scales`, `phrases` and `glossary`.
"""
