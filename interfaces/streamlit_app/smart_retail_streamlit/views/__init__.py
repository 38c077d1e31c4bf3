"""Pages of the app: one module each, with one function `show`."""
