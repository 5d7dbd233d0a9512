"""A run for other tools: its curves as CSV and for TensorBoard, and itself as a Python script. Nothing here imports torch."""
