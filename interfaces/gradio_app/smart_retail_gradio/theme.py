"""Theme and style sheet: the shared palette, with fonts of the visitor's machine."""

from __future__ import annotations

import gradio as gr

from smart_retail.presentation.html import style_sheet
from smart_retail.presentation.palette import BLUE

CSS = style_sheet("smart_retail_gradio", "style.css")

_BLUE = gr.themes.Color(
    "#EAF3F9",
    "#D3E7F3",
    "#A9CFE6",
    "#7AB5D8",
    "#4298CA",
    BLUE,
    "#00659D",
    "#005482",
    "#004368",
    "#003350",
    "#00243A",
    name="retail",
)


def theme() -> gr.themes.Base:
    """Return the theme; it names local fonts only, so that nothing is loaded from the network."""
    return gr.themes.Base(
        primary_hue=_BLUE,
        secondary_hue=_BLUE,
        neutral_hue=gr.themes.colors.slate,
        text_size=gr.themes.sizes.text_md,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        font=("-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "Arial", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "Liberation Mono", "monospace"),
    ).set(button_primary_background_fill="*primary_500", button_primary_background_fill_hover="*primary_600")
