"""Streamlit front end: the engine's results as pages of a web app."""
