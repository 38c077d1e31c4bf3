"""Side windows and dialogs."""
