"""The project's texts use the standard terms of the field; words of an earlier private vocabulary are errors.

``python tests/test_vocabulary.py [FOLDER]`` prints how often each of these words occurs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

REPLACEMENTS = {
    r"told|tells?|telling|foretells?|foretold": "return, report, show, predict",
    r"(?:came|comes?|coming) back": "returned (purchase), restored, read back",
    r"sends? back|sent back": "returned",
    r"besides?": "next to, in addition to",
    r"ink|inked|inks": "not blank",
    r"eve": "the day before",
    r"lessons?|taught|teach|teaches|learnt": "training examples, train, learned",
    r"judged?|judges|judging": "evaluate",
    r"mend|mends|mended": "fix",
    r"nobody|somebody|everybody|whoever": "no customer, a user, all customers",
    r"strangers?": "anonymous clients",
    r"doors?|rooms?|houses?|floors": "route permission, package, layer",
    r"foremost": "top n",
    r"(?<![Tt]here )(?<![Ww]here )(?-i:is|are) (?-i:no|none)(?= [a-z]|\.)(?! longer| more| less)": "is not a valid ...",
    r"(?:stands?|lies|lie|lay) (?:in|beside|on)": "is in, is stored in",
    r"at one go": "in one step",
}
"""Pattern of the old word -> the standard words to choose from."""

ALLOWED: dict[str, tuple[str, ...]] = {"core/smart_retail/bundle/reader.py": ("head.tell()",)}
"""Path -> texts in it that hold one of the words for a good reason, such as a product name in sample data."""

TEXT_SUFFIXES = {".py", ".md", ".toml", ".ini", ".yaml", ".yml", ".html", ".css", ".j2", ".txt", ".sh", ".ipynb", ""}
EXEMPT = {"tests/test_vocabulary.py", "constraints.txt", "LICENSE", ".git-blame-ignore-revs"}


def text_files(root: Path) -> Iterator[Path]:
    """Files under version control that hold text."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, timeout=60, check=True)
    for name in run.stdout.split("\0"):
        path = root / name
        if name and name not in EXEMPT and path.suffix in TEXT_SUFFIXES and path.is_file():
            yield path


def occurrences(path: Path, name: str) -> Iterator[tuple[int, str, str]]:
    """Line number, old word and its replacements, for each old word in a file; identifiers are split at underscores."""
    text = path.read_text(encoding="utf-8")
    for passage in ALLOWED.get(name, ()):
        text = text.replace(passage, " " * len(passage))
    lines = text.splitlines()
    for pattern, replacement in REPLACEMENTS.items():
        word = re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)
        for number, line in enumerate(lines, 1):
            for match in word.finditer(line.replace("_", " ")):
                yield number, match[0].lower(), replacement


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the list of files under version control")
def test_no_text_uses_the_old_words() -> None:
    found = [
        f"{name}:{number}: {word!r} (use: {replacement})"
        for path in text_files(ROOT)
        for name in [path.relative_to(ROOT).as_posix()]
        for number, word, replacement in occurrences(path, name)
    ]
    assert found == [], f"{len(found)} old words:\n" + "\n".join(found[:40])


def test_an_old_word_is_found_in_text_and_in_names(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("The date is no date.\ndef all_came_back(): ...\nThere is no version. A shelter. Told\n", "utf-8")
    assert [(number, word) for number, word, _ in occurrences(page, "page.md")] == [
        (3, "told"),
        (2, "came back"),
        (1, "is no"),
    ]


def main() -> None:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    counts: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in text_files(root):
        name = path.relative_to(root).as_posix()
        for _, word, _ in occurrences(path, name):
            counts[word] += 1
            files[name] += 1
    print(f"{sum(counts.values())} occurrences in {len(files)} files")
    for counter in (counts, files):
        print(", ".join(f"{name} {count}" for name, count in counter.most_common(60)))


if __name__ == "__main__":
    main()
