"""Widgets of the window. Each shows the data it receives and reports user input through callbacks."""
