"""What stands in the sidebar, on both screens."""
