import gzip
import hashlib
import zipfile

import pytest

from chainward.tasks import sources
from chainward.tasks.copies import copies

ROWS = "name;größe\na;1\nb;2\n".encode("latin-1")
OTHER = b"c;3\n"
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in {"rows.csv": ROWS, "other.csv": OTHER}.items()}
SOURCE = sources.Source("ours", "https://x.org/", "ours", {**FILES, "any.csv": ""}, "CC0", archives=("a.zip",))


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    (tmp_path / "ours").mkdir()
    return tmp_path / "ours"


def test_what_is_not_here(shelf):
    rows, *_ = copies(SOURCE)
    assert (rows.status, rows.place, rows.detail) == ("missing", None, "not in ours/, and not in a.zip")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.csv", ROWS, ""),
        ("rows.csv", ROWS.replace(b"\n", b"\r\n"), "the same content with CRLF line endings"),
        ("rows.csv.gz", gzip.compress(ROWS, mtime=0), "the same content, compressed"),
        ("any.csv", b"whatever", "not pinned"),
    ],
)
def test_sound_copies_and_how_they_differ(name, content, told, shelf):
    (shelf / name).write_bytes(content)
    found = {copy.name: copy for copy in copies(SOURCE)}[name.removesuffix(".gz")]
    assert found.status == "ok"
    assert found.detail.startswith(told)
    assert bool(found.detail) == bool(told)


def test_a_member_of_an_archive_packed_anew(shelf):
    with zipfile.ZipFile(shelf / "a.zip", "w") as archive:
        archive.writestr("mine/rows.csv", ROWS)
    rows, other, _ = copies(SOURCE)
    assert (rows.status, rows.detail) == ("ok", "read from a.zip as mine/rows.csv")
    assert other.status == "missing"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (OTHER, "has the content of other.csv"),
        (OTHER.replace(b"\n", b"\r\n"), "has the content of other.csv"),
        (gzip.compress(ROWS, mtime=0), "add .gz to its name"),
        (gzip.compress(gzip.compress(ROWS, mtime=0), mtime=0), "compressed twice"),
        (b"\xef\xbb\xbf" + ROWS, "byte-order mark"),
        (ROWS.decode("latin-1").encode("utf-16"), "in UTF-16"),
        (ROWS.decode("latin-1").encode(), "save it in Latin-1"),
        (ROWS.replace(b"\n", b"\r"), "old Macintosh line endings"),
        (ROWS + b"\n", "one line break too many or too few"),
        (ROWS.rstrip(b"\n"), "one line break too many or too few"),
        (b"<!DOCTYPE html><title>Log in</title>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (ROWS.replace(b"2", b"3"), "has SHA-256"),
    ],
)
def test_a_changed_copy_is_told_by_its_cause(content, told, shelf):
    (shelf / "rows.csv").write_bytes(content)
    found, *_ = copies(SOURCE)
    assert found.status == "changed"
    assert told in found.detail


def test_a_broken_archive(shelf):
    (shelf / "a.zip").write_bytes(b"PK but no more")
    found, *_ = copies(SOURCE)
    assert found.status == "changed"
    assert "cannot be read" in found.detail
