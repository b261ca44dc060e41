import gzip
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from chainward.errors import ChainwardError
from chainward.tasks import downloads, sources

CONTENT = b"".join(b"%d,%d\n" % (number, number**2) for number in range(30_000))
BREAK = downloads.CHUNK


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def rows(publisher):
    """A source of one file that the publisher has."""
    publisher.files["rows.csv"] = CONTENT
    return sources.Source("ours", publisher.url, "ours", {"rows.csv": sha(CONTENT)}, "CC0")


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "user").rglob("*") if path.is_file())


def test_what_is_fetched_is_found_and_read(rows, publisher, tmp_path):
    assert sources.find("ours/rows.csv") is None
    assert "chainward data get ours" in sources.requires(rows, ("rows.csv",))
    (path,) = downloads.fetch(rows, progress=False)
    assert path == sources.find("ours/rows.csv")
    assert sources.requires(rows, ("rows.csv",)) is None
    assert sources.read(rows, "rows.csv") == CONTENT
    assert left(tmp_path) == ["rows.csv"]
    assert downloads.fetch(rows, progress=False) == (path,)
    assert publisher.asked == [("/rows.csv", None)]


def test_what_breaks_off_goes_on_where_it_stopped(rows, publisher, tmp_path):
    publisher.breaks = [BREAK, BREAK]
    downloads.fetch(rows, progress=False)
    assert publisher.asked == [
        ("/rows.csv", None),
        ("/rows.csv", f"bytes={BREAK}-"),
        ("/rows.csv", f"bytes={2 * BREAK}-"),
    ]
    assert sources.read(rows, "rows.csv") == CONTENT
    assert left(tmp_path) == ["rows.csv"]


def test_the_next_call_goes_on_too(rows, publisher, tmp_path):
    publisher.breaks = [BREAK] * (1 + downloads.RETRIES)
    with pytest.raises(ChainwardError, match="could not get ours from http"):
        downloads.fetch(rows, progress=False)
    assert left(tmp_path) == ["rows.csv.part", "rows.csv.part.tag"]
    publisher.asked.clear()
    downloads.fetch(rows, progress=False)
    assert publisher.asked == [("/rows.csv", f"bytes={4 * BREAK}-")]
    assert sources.read(rows, "rows.csv") == CONTENT
    assert left(tmp_path) == ["rows.csv"]


@pytest.mark.parametrize("change", ["no ranges", "no tag", "another version"])
def test_a_server_that_cannot_go_on_is_asked_for_the_whole(change, rows, publisher):
    publisher.breaks = [BREAK] * (1 + downloads.RETRIES)
    publisher.ranges = change != "no ranges"
    publisher.tag = None if change == "no tag" else '"one"'
    with pytest.raises(ChainwardError):
        downloads.fetch(rows, progress=False)
    if change == "another version":
        publisher.tag, publisher.files["rows.csv"] = '"two"', CONTENT[::-1]
        rows = replace(rows, files={"rows.csv": sha(CONTENT[::-1])})
    publisher.breaks.clear()
    downloads.fetch(rows, progress=False)
    assert sources.read(rows, "rows.csv") == publisher.files["rows.csv"]


def test_more_than_the_server_has_starts_anew(rows, publisher, tmp_path):
    (tmp_path / "user" / "ours").mkdir(parents=True)
    (tmp_path / "user" / "ours" / "rows.csv.part").write_bytes(CONTENT + CONTENT)
    (tmp_path / "user" / "ours" / "rows.csv.part.tag").write_text(publisher.tag)
    downloads.fetch(rows, progress=False)
    assert sources.read(rows, "rows.csv") == CONTENT


def test_a_different_file_is_not_kept(rows, tmp_path):
    wrong = replace(rows, files={"rows.csv": "0" * 64})
    with pytest.raises(ChainwardError, match="could not get ours from http") as caught:
        downloads.fetch(wrong, progress=False)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


def test_a_file_that_is_not_there_is_one_line_and_is_not_asked_for_again(rows, publisher):
    absent = replace(rows, files={"absent.csv": "0" * 64})
    with pytest.raises(ChainwardError, match=r"could not get ours.*404") as caught:
        downloads.fetch(absent, progress=False)
    assert "\n" not in str(caught.value)
    assert publisher.asked == [("/absent.csv", None), ("/absent.csv.gz", None)]


@pytest.mark.parametrize("url", ["http://nowhere.invalid/", "http://127.0.0.1:9/"])
def test_without_a_network_one_line_says_what_to_do(url, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "RETRIES", 0)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ChainwardError) as caught:
        downloads.fetch(replace(rows, url=url), progress=False)
    host = url.split("/")[2].partition(":")[0]
    told = f"get rows.csv on another machine and put it in {tmp_path / 'user' / 'ours'} (`chainward data path`)"
    assert str(caught.value) == f"no connection to {host}: {told}"


def test_an_unsound_file_of_ours_is_got_again_and_a_given_one_is_left(rows, tmp_path, monkeypatch):
    own, given = tmp_path / "user" / "ours" / "rows.csv", tmp_path / "given" / "ours" / "rows.csv"
    for path in (own, given):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"changed\n")
    downloads.fetch(rows, progress=False)
    assert own.read_bytes() == CONTENT
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "given"))
    with pytest.raises(ChainwardError, match="has SHA-256"):
        downloads.fetch(rows, progress=False)
    assert given.read_bytes() == b"changed\n"


def test_archives_are_kept_and_their_members_checked(publisher, tmp_path):
    publisher.files |= {"all%20data.zip": zipped(**{"deep/rows.csv": CONTENT}), "more.csv": b"a\n"}
    files = {"rows.csv": sha(CONTENT), "more.csv": sha(b"a\n")}
    source = sources.Source("ours", publisher.url, "ours", files, "CC0", archives=("all data.zip",))
    paths = downloads.fetch(source, progress=False)
    assert [path.name for path in paths] == ["all data.zip", "more.csv"]
    assert sources.read(source, "rows.csv") == CONTENT
    assert left(tmp_path) == ["all data.zip", "more.csv"]


def test_an_archive_with_another_content_is_not_kept(publisher, tmp_path):
    publisher.files["all.zip"] = zipped(**{"rows.csv": b"others\n"})
    source = sources.Source("ours", publisher.url, "ours", {"rows.csv": sha(CONTENT)}, "CC0", archives=("all.zip",))
    with pytest.raises(ChainwardError, match=r"could not get ours from http.*member rows\.csv has SHA-256"):
        downloads.fetch(source, progress=False)
    assert left(tmp_path) == []


def test_what_the_publisher_compressed_is_found_and_checked_by_its_content(publisher, tmp_path):
    publisher.files["rows.csv.gz"] = gzip.compress(CONTENT)
    source = sources.Source("ours", publisher.url, "ours", {"rows.csv": sha(CONTENT)}, "CC0")
    downloads.fetch(source, progress=False)
    assert sources.read(source, "rows.csv") == CONTENT
    assert left(tmp_path) == ["rows.csv.gz"]


def test_data_that_need_an_account_are_not_asked_for(rows, publisher, tmp_path):
    guarded = replace(rows, credentialed="sign the agreement at example.org")
    with pytest.raises(ChainwardError) as caught:
        downloads.fetch(guarded, progress=False)
    told = str(caught.value)
    assert all(
        part in told for part in ("sign the agreement", "rows.csv", str(tmp_path / "user" / "ours"), "CHAINWARD_DATA")
    )
    assert publisher.asked == []


def test_progress_is_on_standard_error(rows, capfd):
    downloads.fetch(rows, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "rows.csv: 100%" in err
