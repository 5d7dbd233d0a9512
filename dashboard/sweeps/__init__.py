"""Sweeps on the server: whose chunk is computed next, each sweep's thread, and what a page of the sensitivity screen is told."""
