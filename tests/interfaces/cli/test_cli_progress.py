"""Progress on stderr."""

from __future__ import annotations

import logging

import pytest

from smart_retail_cli.progress import LineProgress, show_progress, time_text


@pytest.mark.parametrize(
    ("seconds", "done", "text"),
    [
        (0.4, 0.5, ""),
        (24.0, 0.01, ", 24 s so far"),
        (24.0, 0.75, ", 24 s so far, about 8 s left"),
        (24.0, 1.0, ", 24 s so far"),
    ],
)
def test_the_remaining_time_is_linear_in_the_finished_share(seconds: float, done: float, text: str) -> None:
    assert time_text(seconds, done) == text


@pytest.mark.parametrize("verbose", [True, False])
def test_details_are_printed_only_with_verbose(capsys: pytest.CaptureFixture[str], verbose: bool) -> None:
    progress = LineProgress(verbose=verbose)
    progress.stage("Step 1 of 2: reading", 0.0)
    progress.message("k = 4")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Step 1 of 2: reading")
    assert ("k = 4" in captured.err) is verbose


def test_progress_without_a_terminal_prints_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress() as progress:
        progress.stage("reading", 0.0)
    assert capsys.readouterr().err == "reading\n"


@pytest.mark.parametrize("verbose", [True, False])
def test_decisions_that_training_logs_are_printed_only_with_verbose(
    capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    logger = logging.getLogger("smart_retail.training.recommenders")
    with show_progress(verbose=verbose):
        logger.info("blend 0.2104, ranker 0.2233")
        logger.debug("not a decision")
    logger.info("after the fit")
    assert capsys.readouterr().err == ("blend 0.2104, ranker 0.2233\n" if verbose else "")
