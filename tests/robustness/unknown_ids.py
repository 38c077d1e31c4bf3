"""Request unknown customers with ids from all of Unicode; each response must be valid, never a server error."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

CHARACTER_RANGES = (
    (0x20, 0x7E), (0x00, 0x1F), (0x80, 0xFF), (0x300, 0x36F), (0x590, 0x6FF), (0x0E00, 0x0E7F), (0x2000, 0x206F),
    (0x3040, 0x9FFF), (0xD7A4, 0xD7FF), (0xE000, 0xF8FF), (0xFE00, 0xFFFF), (0x1F300, 0x1FAFF), (0xE0000, 0xE007F),
    (0x10FF00, 0x10FFFF),
)  # fmt: skip
"""Latin, controls, combining marks, right to left, joiners and overrides, ideographs, private use, emoji, tags."""
SPECIAL_IDS = (
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


def unknown_ids(count: int, existing: set[str], seed: int = 3) -> Iterator[str]:
    """Yield `count` distinct texts that are not ids of the shop."""
    rng = random.Random(seed)
    used = {"", ".", "..", *existing}
    special = list(SPECIAL_IDS)
    while count:
        text = special.pop() if special else _random_text(rng)
        if rng.random() < 0.1:
            text = unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKC")), text)
        if text not in used:
            used.add(text)
            count -= 1
            yield text


def _random_text(rng: random.Random) -> str:
    ranges = [rng.choice(CHARACTER_RANGES) for _ in range(rng.randint(1, 3))]
    length = rng.choice((1, 2, 5, 20, 200))
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(length))


def request_unknown_customers(client: Any, document: dict[str, Any], ids: Iterator[str]) -> int:
    """Request list and profile of each id by path, and its list by body; return the number of ids requested."""
    jsonschema = pytest.importorskip("jsonschema")
    root = {"components": document["components"]}

    def validator(name: str) -> Any:
        return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **root})

    lists, profiles = validator("RecommendationList"), validator("CustomerProfile")
    requested = 0
    for customer in ids:
        path = f"/v1/customers/{quote(customer, safe='')}"
        if len(path) > 8000:
            continue
        responses = client.get(f"{path}/recommendations?n=3"), client.get(path)
        batch = client.post("/v1/recommendations:batch", json={"customer_ids": [customer], "n": 3})
        assert [response.status_code for response in (*responses, batch)] == [200] * 3, ascii(customer)
        for response, schema in zip(responses, (lists, profiles), strict=True):
            schema.validate(response.json)
            assert response.json["customer_id"] == customer
            assert response.json["known"] is False
        assert batch.json["lists"] == [responses[0].json]
        requested += 1
    return requested
