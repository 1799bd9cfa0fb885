"""The leaderboard's page in a browser: from disk, sorted and filtered, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from registry.builtin.leaderboard.entries import BoardEntry, Cell
from registry.builtin.leaderboard.page import page
from tests.shared.chromium import chromium, needs_chromium, with_script

NASTY = '<img src=x onerror="alert(1)">&amp;'


def entry(kind: str, name: str, selection: str = "unknown", **aucs: float) -> BoardEntry:
    return BoardEntry(
        kind=kind,  # type: ignore[arg-type]
        name=name,
        cells={key: Cell(auc=value) for key, value in aucs.items()},
        level="video",
        protocol="p",
        source="s",
        checkpoint_selection=selection,
    )


ROWS = [
    entry("measured", "alpha", A=0.60, B=0.90),
    entry("measured", "beta", "test", A=0.80, B=0.50),
    entry("reported", "gamma", A=0.99),
    entry("reported", "delta", A=0.70, B=0.95),
    entry("reported", "omega", B=0.10),
]


class Shown(HTMLParser):
    """What a reader of the page sees of its table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.columns: list[str] = []
        self.sorted: dict[str, str] = {}
        self.averages: list[str] = []
        self._hidden: list[str] = []
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if name in {"tbody", "tr", "th", "td"}:
            if self._hidden or "hidden" in given:
                self._hidden.append(name)
                return
            if name == "th" and given.get("scope") == "row":
                self._into = self.names
            if name == "th" and given.get("scope") == "col":
                self._into = self.columns
                if given.get("aria-sort"):
                    self.sorted[str(given["data-key"])] = str(given["aria-sort"])
            if "average" in str(given.get("class")).split():
                self._into = self.averages

    def handle_endtag(self, name: str) -> None:
        if self._hidden and self._hidden[-1] == name:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if self._into is not None and not self._hidden:
            self._into.append(data)
        self._into = None


Browse = Callable[..., str]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """The page's document after its script has run; `then` is a further script, for clicks."""

    def run(
        address: str = "", then: str = "", rows: list[BoardEntry] = ROWS, width: int = 1280
    ) -> str:
        file = tmp_path / "leaderboard.html"
        file.write_text(with_script(page(rows), then) if then else page(rows), encoding="utf-8")
        size = f"--window-size={width},900"
        done = chromium(tmp_path, size, "--dump-dom", f"file://{file}{address}")
        assert "Content Security Policy" not in done.stderr
        return done.stdout

    return run


@pytest.mark.slow
@needs_chromium
def test_the_page_opens_with_everything_measured_first(browse: Browse) -> None:
    dom = browse()
    shown = Shown(dom)
    assert shown.names == ["alpha", "beta", "delta", "gamma", "omega"]
    assert shown.columns[:4] == ["detector", "A", "B", "average"]
    assert shown.sorted == {}
    assert ">5 rows</p>" in dom
    assert '<form id="filters" autocomplete="off">' in dom  # shown, as the script runs


@pytest.mark.slow
@needs_chromium
def test_sorting_is_within_each_kind_and_what_is_missing_comes_last(browse: Browse) -> None:
    shown = Shown(browse("#sort=dataset:A&order=descending"))
    assert shown.names == ["beta", "alpha", "gamma", "delta", "omega"]
    assert shown.sorted == {"dataset:A": "descending"}
    up = Shown(browse("#sort=dataset:A&order=ascending"))
    assert up.names == ["alpha", "beta", "delta", "gamma", "omega"]


@pytest.mark.slow
@needs_chromium
def test_a_click_sorts_a_second_one_turns_and_the_address_keeps_it(browse: Browse) -> None:
    button = "document.querySelector('th[data-key=\"dataset:B\"] button')"
    write = "document.title = location.hash"
    once = browse(then=f"{button}.click(); {write}")
    assert Shown(once).names == ["alpha", "beta", "delta", "omega", "gamma"]
    assert "<title>#sort=dataset%3AB&amp;order=descending</title>" in once
    twice = browse(then=f"{button}.click(); {button}.click(); {write}")
    assert Shown(twice).names == ["beta", "alpha", "omega", "delta", "gamma"]


@pytest.mark.slow
@needs_chromium
def test_the_keyboard_reaches_the_buttons_and_the_boxes(browse: Browse) -> None:
    then = (
        "const order = [...document.querySelectorAll('a,button,input,[tabindex]')]"
        ".filter((each) => each.tabIndex >= 0 && each.getClientRects().length);"
        "order[0].focus();"
        "document.title = order.length + ' ' + document.activeElement.name + ' '"
        " + order.every((each) => { each.focus(); return document.activeElement === each; })"
    )
    columns = 4 + 2  # level and split; the other facts are behind the switch
    boxes = 2 + 2
    switch, table = 1, 1
    total = columns + boxes + switch + table
    assert f"<title>{total} kind true</title>" in browse(then=then)


@pytest.mark.slow
@needs_chromium
def test_filters_hide_kinds_columns_and_rows_and_average_what_is_shown(browse: Browse) -> None:
    shown = Shown(browse("#kind=reported&dataset=B&sort=average&order=descending"))
    assert shown.names == ["delta", "omega"]  # gamma has no B
    assert shown.columns[:3] == ["detector", "B", "average"]
    assert shown.averages == ["95.00", "10.00"]
    box = "document.querySelector('input[value=\"B\"]')"
    clicked = browse(then=f"{box}.click(); document.title = location.hash")
    assert Shown(clicked).averages == ["60.00", "80.00", "70.00", "99.00"]
    assert "<title>#dataset=A</title>" in clicked


@pytest.mark.slow
@needs_chromium
def test_nothing_chosen_is_an_empty_table_that_comes_back_from_its_address(browse: Browse) -> None:
    dom = browse("#kind=")
    assert Shown(dom).names == []
    assert ">0 rows</p>" in dom


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("scheme", "bright"), [("1", True), ("0", False)])
def test_the_page_follows_the_reader_s_light_or_dark(
    tmp_path: Path, scheme: str, bright: bool
) -> None:
    import cv2

    (tmp_path / "page.html").write_text(page(ROWS), encoding="utf-8")
    shot = tmp_path / "shot.png"
    chromium(
        tmp_path,
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1200,800",
        f"--screenshot={shot}",
        f"file://{tmp_path / 'page.html'}",
    )
    image = cv2.imread(str(shot))
    assert image is not None
    assert (float(image.mean()) > 200) is bright
    assert image.std() > 5  # something is written on it


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names() -> None:
    text = page([entry("measured", NASTY, **{NASTY: 0.5})])
    assert "<img" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src &#x27;none&#x27;" in text
    assert text.count("<script>") == 1
    assert "Reported by others: no rows" in text


def test_a_checkpoint_chosen_on_test_data_is_flagged() -> None:
    text = page(ROWS)
    assert text.count('class="flag"') == 1
    assert "chosen on test data!" in text


# --- one row per detector --------------------------------------------------------------------


def run(name: str, **aucs: float) -> BoardEntry:
    own = entry("measured", f"mine ({name})", **aucs)
    return replace(own, detector="mine", run=name, setup="s")


TWO_RUNS = [run("first", A=0.6), run("second", B=0.8), entry("measured", "other", A=0.7, B=0.6)]


@pytest.mark.slow
@needs_chromium
def test_single_runs_and_provenance_wait_behind_a_switch(browse: Browse) -> None:
    closed = Shown(browse(rows=TWO_RUNS))
    assert closed.names == ["mine", "other"]
    assert closed.columns == ["detector", "A", "B", "average", "level", "split"]
    switch = "document.querySelector('input[name=\"details\"]').click()"
    dom = browse(then=f"{switch}; document.title = location.hash", rows=TWO_RUNS)
    assert Shown(dom).names == ["mine", "run first", "run second", "other"]
    assert Shown(dom).columns[-1] == "source"
    assert "<title>#details=shown</title>" in dom
    assert ">2 rows</p>" in dom  # of detectors


@pytest.mark.slow
@needs_chromium
def test_runs_stay_below_their_detector_when_it_is_sorted(browse: Browse) -> None:
    dom = browse("#sort=dataset:A&order=descending&details=shown", rows=TWO_RUNS)
    assert Shown(dom).names == ["other", "mine", "run first", "run second"]


BEST = (
    "document.title = [...document.querySelectorAll('.best')].filter((each) => !each.hidden)"
    ".map((each) => each.querySelector('span').textContent).join(' ')"
)


@pytest.mark.slow
@needs_chromium
def test_the_best_of_each_kind_is_marked_and_averages_follow_the_filter(browse: Browse) -> None:
    # Measured A .80 and B .90, average .75 of alpha; reported A .99 and B .95. Of the reported
    # rows one alone has both data sets: its average has no rival.
    assert "<title>90.00 75.00 80.00 95.00 99.00</title>" in browse(then=BEST)
    # Of A alone beta's average is the best, and gamma's.
    assert "<title>80.00 80.00 99.00 99.00</title>" in browse("#dataset=A", then=BEST)


@pytest.mark.slow
@needs_chromium
def test_averages_leave_in_domain_values_out_and_their_rows_stay(browse: Browse) -> None:
    seen = replace(entry("measured", "seen"), cells={"A": Cell(auc=0.99, domain="in-domain")})
    both = replace(seen, name="both", cells={**seen.cells, "B": Cell(auc=0.6)})
    shown = Shown(browse(rows=[seen, both]))
    assert sorted(shown.names) == ["both", "seen"]
    assert sorted(shown.averages) == ["-", "60.00"]


@pytest.mark.slow
@needs_chromium
def test_the_script_compares_averages_of_one_split_alone(browse: Browse) -> None:
    low, high = entry("measured", "low", A=0.1, B=0.2), entry("measured", "high", A=0.3, B=0.2)
    val = [replace(each, split="val") for each in (low, high)]
    part = replace(high, name="part", cells={"A": Cell(auc=0.99), "B": Cell(auc=0.99)}, limit=5)
    then = (
        "document.title = [...document.querySelectorAll('.average.best')]"
        ".map((each) => each.querySelector('span').textContent).join(' ')"
    )
    assert "<title>25.00 25.00</title>" in browse(then=then, rows=[low, high, *val, part])


def test_what_is_best_is_marked_without_the_script_too() -> None:
    cells = re.findall(r'class="number( average)? best"[^>]*><span>([\d.]+)', page(ROWS))
    assert [value for _, value in cells] == ["90.00", "75.00", "80.00", "95.00", "99.00"]


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_the_header_and_the_names_stay_in_view(browse: Browse, width: int) -> None:
    many = [
        entry("measured", f"d{at:03}", **dict.fromkeys("ABCDEFGHIJKLMN", at / 100))
        for at in range(80)
    ]
    then = (
        "const box = document.querySelector('.board');"
        "box.scrollTop = 1500; box.scrollLeft = 300;"
        "const head = document.querySelector('thead th').getBoundingClientRect();"
        "const row = document.querySelectorAll('tbody th[scope=row]')[40].getBoundingClientRect();"
        "const edge = box.getBoundingClientRect();"
        "document.title = [box.scrollTop, Math.round(head.top - edge.top),"
        " Math.round(head.left - edge.left), Math.round(row.left - edge.left)].join(' ')"
    )
    assert "<title>1500 0 0 0</title>" in browse(then=then, rows=many, width=width)


def test_names_and_sources_link_to_papers_over_https_alone() -> None:
    own = entry("reported", "paper", A=0.5)
    good = replace(own, link="https://example.org/a", source_link="HTTPS://example.org/b")
    text = page([good, replace(own, name="bad", link="javascript:alert(1)")])
    assert '<a href="https://example.org/a">paper</a>' in text
    assert '<a href="HTTPS://example.org/b">s</a>' in text
    assert "javascript:" not in text
