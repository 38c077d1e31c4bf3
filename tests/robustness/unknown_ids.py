"""Trial: ids that no shop has, from all of Unicode. Each is an answer of the right form, never a server error."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

SPANS = (
    (0x20, 0x7E), (0x00, 0x1F), (0x80, 0xFF), (0x300, 0x36F), (0x590, 0x6FF), (0x0E00, 0x0E7F), (0x2000, 0x206F),
    (0x3040, 0x9FFF), (0xD7A4, 0xD7FF), (0xE000, 0xF8FF), (0xFE00, 0xFFFF), (0x1F300, 0x1FAFF), (0xE0000, 0xE007F),
    (0x10FF00, 0x10FFFF),
)  # fmt: skip
"""Latin, controls, combining marks, right to left, joiners and overrides, ideographs, private use, emoji, tags."""
ODD = (
    "\0",
    "\n",
    "../..",
    "%",
    "%2F",
    "%00",
    "a/../b",
    "\ufeff",
    "\u202e",
    "null",
    "' OR 1=1 --",
    "<script>",
    "🜚" * 500,
)


def strange_ids(count: int, known: set[str], seed: int = 3) -> Iterator[str]:
    """So many different texts that are no id of the shop."""
    chance = random.Random(seed)
    seen = {"", ".", "..", *known}
    waiting = list(ODD)
    while count:
        text = waiting.pop() if waiting else _text(chance)
        if chance.random() < 0.1:
            text = unicodedata.normalize(chance.choice(("NFC", "NFD", "NFKC")), text)
        if text not in seen:
            seen.add(text)
            count -= 1
            yield text


def _text(chance: random.Random) -> str:
    spans = [chance.choice(SPANS) for _ in range(chance.randint(1, 3))]
    length = chance.choice((1, 2, 5, 20, 200))
    return "".join(chr(chance.randint(*chance.choice(spans))) for _ in range(length))


def ask_for_strangers(client: Any, document: dict[str, Any], ids: Iterator[str]) -> int:
    """Ask for list and profile of each, by path where one carries it, else by body; how many were asked for."""
    jsonschema = pytest.importorskip("jsonschema")
    root = {"components": document["components"]}

    def validator(name: str) -> Any:
        return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **root})

    lists, profiles = validator("RecommendationList"), validator("CustomerProfile")
    asked = 0
    for customer in ids:
        path = f"/v1/customers/{quote(customer, safe='')}"
        if len(path) > 8000:
            continue
        found = client.get(f"{path}/recommendations?n=3"), client.get(path)
        batch = client.post("/v1/recommendations:batch", json={"customer_ids": [customer], "n": 3})
        assert [answer.status_code for answer in (*found, batch)] == [200] * 3, ascii(customer)
        for answer, schema in zip((*found,), (lists, profiles), strict=True):
            schema.validate(answer.json)
            assert answer.json["customer_id"] == customer
            assert answer.json["known"] is False
        assert batch.json["lists"] == [found[0].json]
        asked += 1
    return asked
