"""Families of tasks: the curves, a file each with its settings, its function and its levels, and the images. Nothing here imports torch."""
