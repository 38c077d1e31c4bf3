"""Run every command of the documentation on the small test shop.

Each command runs in a separate folder with the files that it names and a bundle of two versions. Servers are set up
and stopped immediately; nothing else is replaced.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import shop
from click.testing import CliRunner

from smart_retail_cli.main import cli
from tests.served_api import in_thread
from tests.test_docs import blocks, calls

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CUSTOMER, ITEM = "AA-10315", "OFF-PA-10001970"
LATER = timedelta(days=365)
"""Shift of the order dates of the small shop to the dates in the documentation."""
QUICK = {
    "SMART_RETAIL_CLUSTERS__K": "3", "SMART_RETAIL_CLUSTERS__EPOCHS": "3", "SMART_RETAIL_RECOMMEND__CF_VARIANT": "bm25",
    "SMART_RETAIL_RECOMMEND__MERGE": "blend", "SMART_RETAIL_RECOMMEND__LIST_LENGTH": "20",
    "SMART_RETAIL_RECOMMEND__WINDOWS": "1",
}  # fmt: skip
NUMBERS = ("quantity", "amount")
FITS = re.compile(r"^(?:--artifacts \S+ )?(?:fit|evaluate)\b")


def lines() -> list[tuple[str, ...]]:
    """Return the order lines with the customer and item ids of the documentation."""
    swap = {"c0050": CUSTOMER, "O-005": ITEM}
    found = []
    for order, customer, day, item, *rest in shop.lines(80):
        moved = (date.fromisoformat(day) + LATER).isoformat()
        found.append((order, swap.get(customer, customer), moved, swap.get(item, item), *rest))
    return found


def write(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = shop.HEADER) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xlsx":
        from xlsxwriter import Workbook

        with Workbook(str(path)) as book:
            sheet = book.add_worksheet("Orders")
            sheet.write_row(0, 0, header)
            for number, row in enumerate(rows, 1):
                cells = [float(v) if name in NUMBERS else v for name, v in zip(header, row, strict=True)]
                sheet.write_row(number, 0, cells)
        return
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(header)
    out.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documentation assumes."""
    folder = tmp_path_factory.mktemp("docs")
    rows = lines()
    early = [row for row in rows if row[2] < "2025-08"]
    late = [row for row in rows if row[2] >= "2025-08"]
    for name in ("orders.csv", "orders.xlsx", "exports/orders.csv"):
        write(folder / name, rows)
    for names, part in ((("orders_2023.csv", "2023.csv.gz"), early), (("orders_2024.csv", "2024.xlsx"), late)):
        for name in names:
            write(folder / name, part)
    write(
        folder / "orders_march.csv",
        [(f"m{i}", c, "2026-03-05", ITEM, "", "", "1", "9") for i, c in enumerate(customers())],
    )
    write(folder / "today.csv", [("t1", CUSTOMER, "2026-03-06", ITEM, "1", "9")],
          ("event_id", "customer_id", "timestamp", "item_id", "quantity", "amount"))  # fmt: skip
    write(folder / "returns.csv", [(early[0][0], "Yes")], ("order_id", "returned"))
    write(folder / "wanted.csv", [(CUSTOMER,), ("unknown-id",)], ("customer_id",))
    write(folder / "contacts.csv", [(CUSTOMER, "aa@example.org")], ("customer_id", "email"))
    write(folder / "new_products.csv", [("SKU-1001", "Garden thing deluxe")], ("item_id", "item_name"))
    (text,) = [text for name, text in blocks("toml") if name == "settings.md"]
    (folder / "settings.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in QUICK.items():
            patch.setenv(name, value)
        assert run("fit orders_2023.csv").exit_code == 0
        assert run("fit orders.csv").exit_code == 0
        assert run("campaign --holdout 0.5 -n 1 -o spring.csv").exit_code == 0
        assert run("items add new_products.csv").exit_code == 0
        key = run("serve api --new-key read").stdout
        (folder / "keys.txt").write_text(key.rpartition("file:")[2].strip() + "\n", encoding="utf-8")
    return folder


def customers() -> list[str]:
    return sorted({row[1] for row in lines() if row[1].startswith("c")})


def run(line: str) -> Any:
    return CliRunner().invoke(cli, shlex.split(line), obj=None)


@pytest.fixture
def folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the base folder; servers stop immediately, and the variables that they set are removed."""
    copy = shutil.copytree(base, tmp_path / "shop")
    monkeypatch.chdir(copy)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    _replace_servers(monkeypatch)
    with mock.patch.dict(os.environ):
        yield copy


def _replace_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the functions that serve until they are stopped."""
    flask = pytest.importorskip("smart_retail_flask.server")
    pytest.importorskip("gradio")
    gradio = pytest.importorskip("smart_retail_gradio.server")
    bootstrap = pytest.importorskip("streamlit.web.bootstrap")
    desktop = pytest.importorskip("smart_retail_tkinter.launch")

    def request_health(application: Any, *_: Any, **__: Any) -> None:
        assert application().test_client().get("/livez", headers={"Host": "127.0.0.1"}).status_code == 200

    monkeypatch.setattr(flask, "run_server", request_health)
    monkeypatch.setattr(gradio, "start", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "run", lambda path, *_: Path(path).read_text(encoding="utf-8"))
    monkeypatch.setattr(desktop, "run", lambda *_, **__: None)  # a window needs a screen
    monkeypatch.setattr("smart_retail.data.demo.load_demo", lambda: Path("orders.csv"))


@pytest.fixture
def api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API for the bundle of the folder, on a free port."""
    make_server = pytest.importorskip("werkzeug.serving").make_server
    made: list[Any] = []
    run_server = "smart_retail_flask.server.run_server"
    monkeypatch.setattr(run_server, lambda application, *_, **__: made.append(application()))
    assert run("serve api").exit_code == 0
    server = make_server("127.0.0.1", 0, made[0])
    with in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


def here(line: str) -> str:
    """Return the command with paths in the working folder."""
    line = line.replace("/exports/", "exports/").replace("/backup/", "").replace("/etc/smart-retail/", "")
    return re.sub(r"/run/secrets/keys\b", "keys.txt", line)


def renamed(folder: Path, line: str) -> None:
    """Write the files with the column names that ``--map`` uses."""
    words = shlex.split(line)
    mapped = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--map"]
    names = {name: header for name, _, header in mapped}
    header = tuple(names.get(name, name) for name in shop.HEADER)
    for name in [word for word in words if re.fullmatch(r"orders\.(csv|xlsx)", word)] if names else []:
        write(folder / name, lines(), header)


@pytest.mark.parametrize("line", sorted({here(line) for line in calls() if "--api-url" not in line}))
def test_documented_commands_run(line: str, folder: Path) -> None:
    renamed(folder, line)
    if line == "demo":
        shutil.rmtree(folder / "artifacts")
    if line.startswith("forecast"):
        pytest.importorskip("prophet")
    if "--regressor" in line:
        line = line.replace(" --regressor discount --planned 0.1", "")  # the small shop gives no discounts
    # The small shop has other categories and dates.
    line = line.replace("--category Furniture", "--category Kitchen").replace("2014-09-30", "2024-12-31")
    result = run(line)
    assert result.exit_code == 0, f"{result.stdout[-600:]}\n{result.stderr[-900:]}"
    for name in re.findall(r"(?:-o|--output|--plot) (\S+)", line):
        assert (folder / name).stat().st_size > 0
    if not FITS.match(line) and not line.startswith(("serve", "desktop", "demo")):
        assert result.stdout or result.stderr


@pytest.mark.parametrize("line", sorted({here(line) for line in calls() if "--api-url" in line}))
def test_documented_api_commands_run(line: str, folder: Path, api: str) -> None:
    result = run(re.sub(r"--api-url \S+", f"--api-url {api}", line))
    assert result.exit_code == 0, result.stderr


def test_documented_report_code_runs(folder: Path) -> None:
    found = [text for page, text in blocks("python") if page == "reports.md"]
    assert len(found) == 2
    names: dict[str, Any] = {}
    exec(compile(found[1], "reports.md", "exec"), names)
    assert names["result"].customers > 20
    exec(compile(found[0], "reports.md", "exec"), names)
    assert names["figure"].get_suptitle()
