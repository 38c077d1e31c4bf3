"""Answers that are ready to be sent again. In: a question and what its answer rests on; out: the bytes of an
earlier answer, as long as that is the same.

An answer rests on the opened bundle, the rules in force and what came of the customer since the fit, and on
nothing else: not on the clock, not on who asks. So an answer found here is the one that would be given.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from smart_retail.protocol import RetailEngine

MOST_BYTES = 24_000_000
"""Of all answers that a worker keeps: some eight thousand lists of ten with reasons."""
LONGEST_ANSWER = 32_000
LONGEST_QUESTION = 300


State = tuple[object, ...]
"""Begins with what stands for the opened bundle."""


def state_of(engine: RetailEngine, customer_id: str | None) -> State | None:
    """What an answer of this engine rests on; None where the engine does not say, as one that asks another API."""
    told = getattr(engine, "state_of", None)
    return None if told is None else told(customer_id)


class Remembered:
    """The answers given last, each with the state it was given in."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[State, bytes]] = OrderedDict()
        self._opened: object = None
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, question: Hashable, state: State) -> bytes | None:
        """The answer in this state, if it is at hand."""
        with self._lock:
            found = self._answers.get(question)
            if found is None or found[0] != state:
                return None
            self._answers.move_to_end(question)
            return found[1]

    def put(self, question: Hashable, state: State, answer: bytes) -> None:
        """Keep an answer; those not asked for the longest go when there are too many."""
        if len(answer) > LONGEST_ANSWER:
            return
        with self._lock:
            if state[0] is not self._opened:  # another bundle: of who was erased from the last, nothing stays
                self._answers.clear()
                self._bytes, self._opened = 0, state[0]
            before = self._answers.pop(question, None)
            self._answers[question] = (state, answer)
            self._bytes += len(answer) - (len(before[1]) if before else 0)
            while self._bytes > MOST_BYTES:
                self._bytes -= len(self._answers.popitem(last=False)[1][1])
