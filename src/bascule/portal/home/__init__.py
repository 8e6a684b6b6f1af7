"""The first page: what happens when, and your next step."""
