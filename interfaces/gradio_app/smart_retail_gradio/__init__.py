"""Gradio front end: lists, similar products and baskets on one page, and as named endpoints."""
