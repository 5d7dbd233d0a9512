"""Sweeps: hundreds of settings as lanes of batched computations. Nothing here imports torch before a lane is computed."""
