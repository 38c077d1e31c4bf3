"""The audience of an item: who is in it, in which order, and that its reasons state what was counted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests import recount, shop

from smart_retail.errors import UnknownItemError, UsageError
from smart_retail.events import Event, open_events
from smart_retail.results import FitReport
from smart_retail.serving.audience import LEADING_POSITIONS
from smart_retail.serving.business_rules import Rules
from smart_retail.serving.engine import Engine

ITEM = "K-005"


def test_buyers_are_left_out_or_included(engine: Engine) -> None:
    buyers = {line.customer for line in recount.kept_lines() if line.item == ITEM}
    others = {member.customer_id for member in engine.audience(ITEM, 1000).entries}
    assert others
    assert not others & buyers
    everyone = engine.audience(ITEM, 1000, exclude_purchased=False)
    assert {member.customer_id for member in everyone.entries} & buyers


def test_a_customer_who_returned_the_item_is_left_out(engine: Engine) -> None:
    returned = next(row[3] for row in shop.lines() if row[1] == shop.RETURNED_ALL)
    found = engine.audience(returned, 1000).entries
    assert found
    assert shop.RETURNED_ALL not in {member.customer_id for member in found}


def test_customers_with_the_item_high_in_their_list_come_first(engine: Engine) -> None:
    found = engine.audience(ITEM, 1000)
    positions = [member.position or 10**6 for member in found.entries]
    leading = [position for position in positions if position <= LEADING_POSITIONS]
    assert len(leading) == found.leading > 0
    assert positions[: len(leading)] == sorted(leading)
    rest = [member.similarity for member in found.entries[len(leading) :]]
    assert rest == sorted(rest, reverse=True)
    assert [member.rank for member in found.entries] == list(range(1, found.total + 1))
    for member in found.entries[: len(leading)]:
        items = engine.recommend(member.customer_id, n=100, variants=True).items
        assert items[member.position - 1].item_id == ITEM  # type: ignore[operator]
        assert member.text.startswith(f"number {member.position} in the list")


def test_reasons_are_recounted_from_the_raw_lines(engine: Engine) -> None:
    lines = recount.kept_lines()
    buyers: dict[str, set[str]] = {}
    for line in lines:
        buyers.setdefault(line.item, set()).add(line.customer)
    names = {name: item for item, name, _ in shop.items()}
    n = 0
    for member in engine.audience(ITEM, 1000, exclude_purchased=False).entries:
        if stated := re.search(r"(\d+) of the (\d+) customers who buy (.*) also buy this", member.text):
            other = names[stated[3]]
            assert member.customer_id in buyers[other]
            assert int(stated[1]) == len(buyers[other] & buyers[ITEM])
            assert int(stated[2]) == len(buyers[other])
            n += 1
    assert n > 10


def test_pages_are_parts_of_the_whole(engine: Engine) -> None:
    whole = engine.audience(ITEM, 1000)
    page = engine.audience(ITEM, 3, offset=2)
    assert page.entries == whole.entries[2:5]
    assert page.total == whole.total == len(whole.entries)


def test_a_purchase_since_the_fit_makes_a_buyer(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    artifacts = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    engine = Engine.load(artifacts)
    first = engine.audience(ITEM, 1).entries[0].customer_id
    event = Event.from_dict({"event_id": "e1", "customer_id": first, "item_id": ITEM, "timestamp": "2025-03-01"})
    open_events(artifacts).add([event])
    ids = {member.customer_id for member in Engine.load(artifacts).audience(ITEM, 1000).entries}
    assert ids
    assert first not in ids


def test_a_banned_product_has_a_note(engine: Engine) -> None:
    import numpy as np

    allowed = np.ones(len(engine.tables.items), np.bool_)
    allowed[engine.tables.item_code(ITEM)] = False
    banned = Engine(engine.bundle, Rules(allowed=allowed))
    assert "business rules" in banned.audience(ITEM, 1).note
    assert engine.audience(ITEM, 1).note == ""


def test_errors(engine: Engine) -> None:
    with pytest.raises(UnknownItemError):
        engine.audience("no such item")
    with pytest.raises(UsageError):
        engine.audience(ITEM, 0)
