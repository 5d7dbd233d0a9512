"""Image files as compact arrays: Omniglot, and any folder of images. Nothing here imports torch."""
