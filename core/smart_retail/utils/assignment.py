"""The assignment problem for small matrices, without SciPy, whose optimisation package takes seconds to import."""

from __future__ import annotations

import math
from collections.abc import Sequence


def solve_assignment(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the column of each row such that the sum of the scores is highest (Hungarian method).

    Parameters
    ----------
    scores : sequence of rows
        Scores of rows by columns, with at least as many columns as rows.

    Returns
    -------
    list of int
        A different column for each row; ties go to the first column.
    """
    rows, width = len(scores), len(scores[0]) if scores else 0
    # Potentials of rows and columns; `row_of[j]` is the row (from 1) of column j (from 1); column 0 is a start point.
    u, v = [0.0] * (rows + 1), [0.0] * (width + 1)
    row_of, previous = [0] * (width + 1), [0] * (width + 1)
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        least, visited = [math.inf] * (width + 1), [False] * (width + 1)
        while row_of[column]:
            visited[column] = True
            current, delta, following = row_of[column], math.inf, 0
            for j in range(1, width + 1):
                if visited[j]:
                    continue
                reduced = -scores[current - 1][j - 1] - u[current] - v[j]
                if reduced < least[j]:
                    least[j], previous[j] = reduced, column
                if least[j] < delta:
                    delta, following = least[j], j
            for j in range(width + 1):
                if visited[j]:
                    u[row_of[j]] += delta
                    v[j] -= delta
                else:
                    least[j] -= delta
            column = following
        while column:
            row_of[column] = row_of[previous[column]]
            column = previous[column]
    found = [0] * rows
    for j in range(1, width + 1):
        if row_of[j]:
            found[row_of[j] - 1] = j - 1
    return found
