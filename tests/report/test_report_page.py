"""The page and the files: complete, escaped, the same every time."""

import csv
import json
import random
import re
from html.parser import HTMLParser

import pytest
from report_fixtures import HOSTILE, provenance, records, results, verdicts

from chainward.report import leaderboard_rows, write_report
from chainward.report.formats import count, shown, signed, significant, size, usd
from chainward.report.page.sources import sources
from chainward.report.page.summary import headline
from chainward.report.page.write import as_csv, as_json
from chainward.report.tables.by_name import all_tables
from chainward.results.manifest import manifest_of

MANIFEST = manifest_of({"papers.json": "ab" * 32}, "demo", "chainward run demo.toml", provenance(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(results(records()), verdicts(), folder, MANIFEST)
    return folder


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """What a browser would find: tags, ids, links, and the text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.links, self.words, self.attributes = [], [], [], [], []
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.attributes += found
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src") if name in found]
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        self.words += [] if self._silent else [data]


def test_files(folder):
    tables = [
        "accuracy_by_patients",
        "attacks",
        "cards",
        "claims",
        "disclosures",
        "failed",
        "gas_functions",
        "gas_per_patient",
        "hospitals",
        "leaderboard",
        "learning_curves",
        "needs",
        "outcomes",
        "partition",
        "preprocessing",
        "privacy",
        "resolution",
    ]
    expected = [*(f"{name}.csv" for name in [*tables, "numbers", "provenance", "records"]), "index.html"]
    expected += ["leaderboard.json", "report.json", "ro-crate-metadata.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)


def test_a_verdict_stands_with_its_sign_and_what_is_to_be_said_of_its_rule(tmp_path):
    told = {"first_rule": "it tests something else", "identity": "cannot fail"}
    for verdict, sign in (("the published code does not implement the paper", "≠"), ("reproduced", "✓")):
        write_report(results(records()), [{**verdicts()[0], **told, "verdict": verdict}], tmp_path, MANIFEST)
        words = " ".join(Reader((tmp_path / "index.html").read_text(encoding="utf-8")).words)
        assert f"{sign} {verdict}" in words
        assert "first rule: it tests something else" in words
        assert "identity: cannot fail" in words
        with (tmp_path / "claims.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert {name: row[name] for name in told} == told


def test_same_records_same_bytes(folder, tmp_path):
    shuffled = records()
    random.Random(2).shuffle(shuffled)
    for path in write_report(results(shuffled), verdicts(), tmp_path, MANIFEST):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_json_holds_the_rows(folder):
    rows = json.loads((folder / "leaderboard.json").read_text())
    assert rows == json.loads(json.dumps(leaderboard_rows(results(records()))))
    whole = json.loads((folder / "report.json").read_text())
    assert whole["tables"]["leaderboard"] == rows
    assert whole["manifest"]["merkle_root"] == MANIFEST.merkle_root
    assert whole["assumptions"]["ether_usd"] == 3000


def test_csv_holds_the_rows(folder):
    with (folder / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    rows = leaderboard_rows(results(records()))
    assert [line["strategy"] for line in lines] == [row["strategy"] for row in rows]
    assert [line["gas_total"] for line in lines] == [
        "" if row["gas_total"] is None else str(row["gas_total"]) for row in rows
    ]


def test_csv_runs_no_formula():
    assert as_csv([{"a": "=1+1", "b": -1.5, "c": None, "d": [1]}]) == "a,b,c,d\n'=1+1,-1.5,,[1]\n"


def test_json_is_strict():
    assert json.loads(as_json({"a": float("nan"), "b": "\ud800"})) == {"a": None, "b": "\ud800"}


def test_text_from_outside_is_only_text(html):
    reader = Reader(html)
    assert reader.tags.count("script") == 4  # two of data, two of ours
    assert not {"img", "iframe", "object", "base"} & set(reader.tags)
    assert not any(name.startswith("on") for name in reader.attributes)
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;&amp;&#39;&#34;(\S*)", html)
    assert HOSTILE.replace("\x00", "\ufffd") in "".join(reader.words)
    assert "\x00" not in html


def test_nothing_is_fetched(html):
    """Links lead within the page, to the files beside it and to where papers are published."""
    outside = {link for link in Reader(html).links if not link.startswith(("#", "data:"))}
    tables = {f"{name}.csv" for name in all_tables(results(records()), [])}
    assert outside <= {*tables, "report.json"}
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_link_leads_somewhere(html):
    reader = Reader(html)
    missing = {link[1:] for link in reader.links if link.startswith("#")} - set(reader.ids)
    assert missing == set()
    assert len(reader.ids) == len(set(reader.ids))


def test_verdict_links_to_its_record(html):
    assert f'href="#record-{records()[0].record.id}"' in html
    assert f'id="record-{records()[0].record.id}"' in html


def test_page_is_complete_without_scripts(html):
    plain = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", " ".join(Reader(plain).words))
    for words in (
        "700,000",
        "not estimable (24+, 6−)",
        "LedgerError: ",
        "Traceback (most recent call last)",
        "partly",
        "run demo.toml",
    ):
        assert words in text
    assert '<button type="button" id="theme" aria-pressed="false" hidden>' in plain


def test_every_heading_of_a_figure_is_labelled(html):
    head = re.search(r'id="leaderboard".*?</thead>', html, re.DOTALL)[0]
    labels = re.findall(r'class="heading">([^<]+)</span>(?:<span class="badge (\w+)")?', head)
    assert dict(labels)["AUROC [95 %]"] == "measured"
    assert dict(labels)["Latency a round, s"] == "modelled"
    assert {name for name, label in labels if not label} == {"Strategy", "Trials", "Rounds"}


def test_a_report_is_called_by_its_plan_and_dated_by_its_records():
    machines = all_tables(results(records()), [])["provenance"]
    told = headline(MANIFEST, machines)
    assert told == {"title": "demo", "date": "2025-01-02", "version": "0.1.0"}
    assert headline(MANIFEST, machines, 'name = "demo"\ntitle = "Seven ways"\n')["title"] == "Seven ways"
    assert headline(MANIFEST, machines, 'name = "demo"\n')["title"] == "demo"
    assert headline(None, []) == {"title": "", "date": "", "version": ""}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("IEEE 1(2), 2021, 10.1109/TPDS.2020.3044223", ["https://doi.org/10.1109/TPDS.2020.3044223"]),
        ("arXiv 1811.09904, 10.1093/jamia/ocy180, must equal", ["10.1093/jamia/ocy180", "arxiv.org/abs/1811.09904"]),
        ("Nature 594:265-270, 2021, 10.1038/s41586-021-03583-3.", ["https://doi.org/10.1038/s41586-021-03583-3"]),
        ('10.1000/"><script>', []),
        ("10.1000/%0a?x#y", ["https://doi.org/10.1000/%250a%3Fx%23y"]),
        ("chainward", []),
    ],
)
def test_papers_are_linked_where_their_card_says_they_are(where, expected):
    found = [address for _, address in sources(where)]
    assert len(found) == len(expected)
    assert all(one.endswith(end) for one, end in zip(found, expected, strict=True))
    assert all(one.startswith(("https://doi.org/10.", "https://arxiv.org/abs/")) for one in found)


def test_empty_report(tmp_path):
    page = next(path for path in write_report(results([]), [], tmp_path) if path.name == "index.html").read_text()
    assert "0 strategies on 0 tasks" in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (significant(0.012345), "0.0123"),
        (significant(12345.6), "12,346"),
        (significant(0), "0"),
        (significant(9.996), "10.0"),
        (count(2.5), "2.5"),
        (count(3.0), "3"),
        (usd(0.001), "<0.01"),
        (usd(1234.5), "1,234.50"),
        (size(1250), "1.25 kB"),
        (signed(-0.0001), "0.000"),
        (signed(-0.0125), "−0.013"),
        (signed(0.25), "+0.250"),
        (shown(None, "integer"), "–"),
        (shown(True, "text"), "yes"),
        (shown(1234567.0, "integer"), "1,234,567"),
    ],
)
def test_formats(text, expected):
    assert text == expected
