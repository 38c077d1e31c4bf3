"""Every call of the program that the documentation shows is run, on the tests' small shop.

Each call has a folder of its own with the files that it names and a bundle of two versions. What would serve until
it is stopped is set up and stopped at once; nothing else is held back.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import shop
from click.testing import CliRunner

from smart_retail_cli.main import cli
from tests.test_docs import blocks, calls

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CUSTOMER, ITEM = "AA-10315", "OFF-PA-10001970"
LATER = timedelta(days=365)
"""The small shop's orders, moved to the days that the documentation speaks of."""
QUICK = {
    "SMART_RETAIL_CLUSTERS__K": "3", "SMART_RETAIL_CLUSTERS__EPOCHS": "3", "SMART_RETAIL_RECOMMEND__CF_VARIANT": "bm25",
    "SMART_RETAIL_RECOMMEND__MERGE": "blend", "SMART_RETAIL_RECOMMEND__LIST_LENGTH": "20",
    "SMART_RETAIL_RECOMMEND__WINDOWS": "1",
}  # fmt: skip
FITS = re.compile(r"^(?:--artifacts \S+ )?(?:fit|evaluate)\b")


def lines() -> list[tuple[str, ...]]:
    """The shop's lines with the customer and the item that the documentation asks about."""
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
            for number, row in enumerate([header, *rows]):
                sheet.write_row(number, 0, [float(v) if i > 5 and number else v for i, v in enumerate(row)])
        return
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(header)
    out.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the documentation takes it for granted."""
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
        [(f"m{i}", c, "2026-03-05", ITEM, "", "", "1", "9") for i, c in enumerate(people())],
    )
    write(folder / "today.csv", [("t1", CUSTOMER, "2026-03-06", ITEM, "1", "9")],
          ("event_id", "customer_id", "timestamp", "item_id", "quantity", "amount"))  # fmt: skip
    write(folder / "returns.csv", [(early[0][0], "Yes")], ("order_id", "returned"))
    write(folder / "wanted.csv", [(CUSTOMER,), ("nobody",)], ("customer_id",))
    write(folder / "contacts.csv", [(CUSTOMER, "aa@example.org")], ("customer_id", "email"))
    (text,) = [text for name, text in blocks("toml") if name == "settings.md"]
    (folder / "settings.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in QUICK.items():
            patch.setenv(name, value)
        assert run("fit orders_2023.csv").exit_code == 0
        assert run("fit orders.csv").exit_code == 0
        assert run("campaign --holdout 0.5 -n 1 -o spring.csv").exit_code == 0
        key = run("serve api --new-key read").stdout
        (folder / "keys.txt").write_text(key.rpartition("file:")[2].strip() + "\n", encoding="utf-8")
    return folder


def people() -> list[str]:
    return sorted({row[1] for row in lines() if row[1].startswith("c")})


def run(line: str) -> Any:
    return CliRunner().invoke(cli, shlex.split(line), obj=None)


@pytest.fixture
def folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the base to work in; what serves stops at once."""
    place = shutil.copytree(base, tmp_path / "shop")
    monkeypatch.chdir(place)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    _hold_back(monkeypatch)
    return place


def _hold_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits for visitors is told that none will come; the rest of it is real."""
    flask = pytest.importorskip("smart_retail_flask.server")
    pytest.importorskip("gradio")
    gradio = pytest.importorskip("smart_retail_gradio.server")
    bootstrap = pytest.importorskip("streamlit.web.bootstrap")
    desktop = pytest.importorskip("smart_retail_tkinter.launch")

    def answers(application: Any, *_: Any, **__: Any) -> None:
        assert application().test_client().get("/livez", headers={"Host": "127.0.0.1"}).status_code == 200

    monkeypatch.setattr(flask, "run_server", answers)
    monkeypatch.setattr(gradio, "start", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "run", lambda path, *_: Path(path).read_text(encoding="utf-8"))
    monkeypatch.setattr(desktop, "run", lambda *_, **__: None)  # a window needs a screen
    monkeypatch.setattr("smart_retail.data.demo.load_demo", lambda: Path("orders.csv"))


@pytest.fixture
def api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API over the folder's bundle, on a port of its own."""
    make_server = pytest.importorskip("werkzeug.serving").make_server
    made: list[Any] = []
    run_server = "smart_retail_flask.server.run_server"
    monkeypatch.setattr(run_server, lambda application, *_, **__: made.append(application()))
    assert run("serve api").exit_code == 0
    server = make_server("127.0.0.1", 0, made[0])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)


def here(line: str) -> str:
    """The call with its files in the folder at hand."""
    line = line.replace("/exports/", "exports/").replace("/backup/", "").replace("/etc/smart-retail/", "")
    return re.sub(r"/run/secrets/keys\b", "keys.txt", line)


def renamed(folder: Path, line: str) -> None:
    """The files with the headers that ``--map`` speaks of."""
    words = shlex.split(line)
    mapped = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--map"]
    names = {name: header for name, _, header in mapped}
    header = tuple(names.get(name, name) for name in shop.HEADER)
    for name in [word for word in words if re.fullmatch(r"orders\.(csv|xlsx)", word)] if names else []:
        write(folder / name, lines(), header)


@pytest.mark.parametrize("line", sorted({here(line) for line in calls() if "--api-url" not in line}))
def test_what_is_shown_is_run(line: str, folder: Path) -> None:
    renamed(folder, line)
    if line == "demo":
        shutil.rmtree(folder / "artifacts")
    if line.startswith("forecast"):
        pytest.importorskip("prophet")
    if "--regressor" in line:
        line = line.replace(" --regressor discount --planned 0.1", "")  # the small shop gives no discounts
    result = run(line)
    assert result.exit_code == 0, f"{result.stdout[-600:]}\n{result.stderr[-900:]}"
    for name in re.findall(r"(?:-o|--output|--plot) (\S+)", line):
        assert (folder / name).stat().st_size > 0
    if not FITS.match(line) and not line.startswith(("serve", "desktop", "demo")):
        assert result.stdout or result.stderr


@pytest.mark.parametrize("line", sorted({here(line) for line in calls() if "--api-url" in line}))
def test_what_is_shown_over_the_api_is_run(line: str, folder: Path, api: str) -> None:
    result = run(re.sub(r"--api-url \S+", f"--api-url {api}", line))
    assert result.exit_code == 0, result.stderr


def test_python_that_is_shown_for_reports_is_run(folder: Path) -> None:
    found = [text for page, text in blocks("python") if page == "reports.md"]
    assert len(found) == 2
    names: dict[str, Any] = {}
    exec(compile(found[1], "reports.md", "exec"), names)
    assert names["found"].customers > 20
    exec(compile(found[0], "reports.md", "exec"), names)
    assert names["figure"].get_suptitle()
