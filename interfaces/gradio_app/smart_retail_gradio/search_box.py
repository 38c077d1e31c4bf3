"""Search boxes: typed text in, an id out. Matches are shown below the box; a click on one takes its id.

The drop-down of Gradio cannot take new choices while it is open, so the matches are a separate list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

Choice = tuple[str, str]
"""Text of a match, and its id."""
Find = Callable[[str], list[Choice]]
Event = Callable[..., Any]

HINT = "An id, or part of a name"
_HIDDEN_EVENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def single_search(label: str, find: Find) -> tuple[gr.Textbox, tuple[Event, Event]]:
    """Return a box for one id, and the events after which an id has been chosen.

    Enter takes a typed id, or the only or first match of a typed name.
    """

    def find_others(text: str) -> list[Choice]:
        """Return the matches; none if the only match is the typed id."""
        found = find(text)
        return [] if [identifier for _, identifier in found] == [text] else found

    box, matches = _search(label, find_others)

    def take(identifier: str) -> tuple[Any, Any]:
        return identifier, _hidden()

    def submit(text: str) -> tuple[Any, Any]:
        found = [identifier for _, identifier in find(text)] if text.strip() else []
        return (text if text in found or not found else found[0]), _hidden()

    taken = matches.input(take, matches, [box, matches], **_HIDDEN_EVENT)
    submitted = box.submit(submit, box, [box, matches], **_HIDDEN_EVENT)
    return box, (submitted.then, taken.then)


def multi_search(label: str, basket_label: str, find: Find) -> gr.Dropdown:
    """Return a basket, a list of ids; a search box above it adds products to it."""
    basket = gr.Dropdown([], value=[], multiselect=True, label=basket_label, allow_custom_value=True)
    box, matches = _search(label, find)

    def add(identifier: str, ids: list[str]) -> tuple[Any, Any, Any]:
        ids = list(dict.fromkeys([*ids, identifier]))
        choices = [next((c for c in find(i) if c[1] == i), (i, i)) for i in ids]
        return "", _hidden(), gr.Dropdown(choices=choices, value=ids)

    matches.input(add, [matches, basket], [box, matches, basket], **_HIDDEN_EVENT)
    return basket


def fill_on_click(button: gr.Button, identifier_of: Callable[[str], str], box: gr.Textbox) -> Event:
    """Let a button fill the box with the id that belongs to its label; return the event after it."""
    then: Event = button.click(identifier_of, button, box, **_HIDDEN_EVENT).then
    return then


def _search(label: str, find: Find) -> tuple[gr.Textbox, gr.Radio]:
    box = gr.Textbox(label=label, info=HINT, max_length=1000)
    matches = gr.Radio([], visible=False, show_label=False, container=False, elem_classes="sr-matches")

    def show_matches(text: str) -> Any:
        found = find(text) if text.strip() else []
        return gr.Radio(choices=found, value=None, visible=bool(found))

    box.input(show_matches, box, matches, trigger_mode="always_last", **_HIDDEN_EVENT)
    return box, matches


def _hidden() -> Any:
    return gr.Radio(choices=[], visible=False)
