"""Look-up of a customer by a text that is not an id."""

from __future__ import annotations

from typing import Any, cast

import pytest

from smart_retail.errors import UnknownCustomerError
from smart_retail.results import CustomerMatch
from smart_retail.serving.customer_lookup import find_customer


class Directory:
    """Engine that returns fixed matches."""

    def __init__(self, *matches: tuple[str, str]) -> None:
        self.matches = [CustomerMatch(customer, name, "") for customer, name in matches]

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        return self.matches[:n]


def find(text: str, *matches: tuple[str, str]) -> CustomerMatch:
    return find_customer(cast(Any, Directory(*matches)), text)


def test_the_only_customer_with_a_name_is_found() -> None:
    assert find("ávila alex", ("AA-10315", "Alex Avila")).customer_id == "AA-10315"


def test_an_id_in_another_case_is_suggested_and_not_used() -> None:
    with pytest.raises(UnknownCustomerError) as error:
        find("aa-10315", ("AA-10315", "Alex Avila"))
    assert error.value.message == "No customer 'aa-10315'."
    assert error.value.hint == "Did you mean AA-10315 (Alex Avila)?"
    assert error.value.exit_code == 3


def test_several_customers_with_the_name_are_suggested() -> None:
    with pytest.raises(UnknownCustomerError) as error:
        find("Avila", ("1", "Alex Avila"), ("2", "Ann Avila"))
    assert error.value.hint == "Did you mean 1 (Alex Avila) or 2 (Ann Avila)?"


def test_without_matches_the_hint_explains_the_search() -> None:
    with pytest.raises(UnknownCustomerError, match="No customer 'x'"):
        find("x")
