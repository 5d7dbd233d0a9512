"""What a set-up is, and what of it is accepted, addressed, drawn as an axis and kept. Nothing here imports streamlit."""
