"""Gradio front end: recommendations, similar products and baskets on one page, and as named endpoints."""
