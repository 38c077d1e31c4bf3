"""Presenters of the pages, independent of tk."""
