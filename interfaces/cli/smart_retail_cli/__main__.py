"""``python -m smart_retail_cli`` is ``smart-retail``."""

from smart_retail_cli.main import main

main()
