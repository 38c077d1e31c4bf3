"""Recommendation of items without purchases by their content."""
