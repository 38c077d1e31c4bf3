"""Search boxes: typed text in, an id out; what matches stands below the box, and a click on it takes its id.

Gradio's own drop-down cannot take new choices while it is open, so the matches are a list of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

Choice = tuple[str, str]
"""What a match shows, and the id that it means."""
Find = Callable[[str], list[Choice]]
Event = Callable[..., Any]

HINT = "An id, or part of a name"
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def single_search(label: str, find: Find) -> tuple[gr.Textbox, tuple[Event, Event]]:
    """A box for one id, and the events after which it holds the one that is meant."""

    def others(text: str) -> list[Choice]:
        """What matches; nothing where it is the typed id alone, which leaves no choice."""
        found = find(text)
        return [] if [identity for _, identity in found] == [text] else found

    box, matches = _search(label, others)

    def take(identity: str) -> tuple[Any, Any]:
        return identity, _hidden()

    taken = matches.input(take, matches, [box, matches], **_QUIET)
    box.submit(_hidden, None, matches, **_QUIET)
    return box, (box.submit, taken.then)


def multi_search(label: str, basket_label: str, find: Find) -> gr.Dropdown:
    """A box whose matches are added to a basket; the basket, a list of ids."""
    basket = gr.Dropdown([], value=[], multiselect=True, label=basket_label, allow_custom_value=True)
    box, matches = _search(label, find)

    def add(identity: str, ids: list[str]) -> tuple[Any, Any, Any]:
        ids = list(dict.fromkeys([*ids, identity]))
        choices = [next((c for c in find(i) if c[1] == i), (i, i)) for i in ids]
        return "", _hidden(), gr.Dropdown(choices=choices, value=ids)

    matches.input(add, [matches, basket], [box, matches, basket], **_QUIET)
    return basket


def fill_on_click(button: gr.Button, identity: Callable[[str], str], box: gr.Textbox) -> Event:
    """Let a button fill the box with what its label stands for; the event after which it has."""
    then: Event = button.click(identity, button, box, **_QUIET).then
    return then


def _search(label: str, find: Find) -> tuple[gr.Textbox, gr.Radio]:
    box = gr.Textbox(label=label, info=HINT, max_length=1000)
    matches = gr.Radio([], visible=False, show_label=False, container=False, elem_classes="sr-matches")

    def look(text: str) -> Any:
        found = find(text) if text.strip() else []
        return gr.Radio(choices=found, value=None, visible=bool(found))

    box.input(look, box, matches, trigger_mode="always_last", **_QUIET)
    return box, matches


def _hidden() -> Any:
    return gr.Radio(choices=[], visible=False)
