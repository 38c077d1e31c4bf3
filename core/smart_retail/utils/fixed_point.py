"""Fixed-point numbers: quantities and amounts are int64 millionths, so that their sums are exact."""

from __future__ import annotations

MILLION = 1_000_000
"""Units of an integer amount or quantity: 1.5 is stored as 1,500,000."""
