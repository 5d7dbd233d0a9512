"""How messages and numbers travel to the page."""
