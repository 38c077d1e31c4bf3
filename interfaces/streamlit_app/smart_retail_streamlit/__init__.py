"""Streamlit front end: the engine's answers as pages of a web app."""
