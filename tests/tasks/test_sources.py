import gzip
import hashlib
import io
import tarfile
import zipfile

import pytest

from chainward.cli import known
from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import sources

ROWS = b"a,b\n1,2\n"
PINNED = hashlib.sha256(ROWS).hexdigest()
SOURCE = sources.Source(
    "ours",
    "https://x.org/",
    "ours",
    {"rows.csv": PINNED},
    "CC0",
    archives=("a.zip", "b.tar.gz"),
    aliases={"rows.csv": ("ROWS.csv",)},
)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The folder of the source, empty."""
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    (tmp_path / "ours").mkdir()
    return tmp_path / "ours"


def tarred(path, name, content):
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "put",
    [
        lambda shelf: (shelf / "rows.csv").write_bytes(ROWS),
        lambda shelf: (shelf / "rows.csv").write_bytes(ROWS.replace(b"\n", b"\r\n")),
        lambda shelf: (shelf / "rows.csv.gz").write_bytes(gzip.compress(ROWS, mtime=0)),
        lambda shelf: (shelf / "ROWS.csv").write_bytes(ROWS),
        lambda shelf: (shelf / "ROWS.csv.gz").write_bytes(gzip.compress(ROWS, mtime=0)),
        lambda shelf: zipped(shelf / "a.zip", **{"rows.csv": ROWS}),
        lambda shelf: zipped(shelf / "a.zip", **{"deep/er/rows.csv": ROWS, "other.csv": b""}),
        lambda shelf: tarred(shelf / "b.tar.gz", "set/rows.csv", ROWS),
    ],
    ids=["itself", "CRLF", "gz", "alias", "alias gz", "zip", "zip in a folder", "tar"],
)
def test_one_content_however_it_lies_there(put, shelf):
    assert sources.requires(SOURCE, ("rows.csv",)) is not None
    put(shelf)
    assert sources.requires(SOURCE, ("rows.csv",)) is None
    assert sources.read(SOURCE, "rows.csv") == ROWS


def test_the_second_archive_is_looked_through_where_the_first_lacks_it(shelf):
    zipped(shelf / "a.zip", **{"other.csv": b""})
    tarred(shelf / "b.tar.gz", "rows.csv", ROWS)
    assert sources.read(SOURCE, "rows.csv") == ROWS


def test_of_two_members_of_that_name_none_is_guessed(shelf):
    zipped(shelf / "a.zip", **{"one/rows.csv": ROWS, "two/rows.csv": ROWS})
    with pytest.raises(DataMissing, match=r"rows\.csv not found"):
        sources.read(SOURCE, "rows.csv")


def test_an_archive_that_is_replaced_is_listed_anew(shelf):
    zipped(shelf / "a.zip", **{"other.csv": b""})
    assert sources.located(SOURCE, "rows.csv") is None
    zipped(shelf / "a.zip", **{"rows.csv": ROWS})
    assert sources.read(SOURCE, "rows.csv") == ROWS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"no archive"),
        ("b.tar.gz", b"no archive"),
        ("rows.csv.gz", b"no archive"),
        ("rows.csv.gz", gzip.compress(ROWS, mtime=0)[:-9]),
    ],
)
def test_what_cannot_be_unpacked_is_named(name, content, shelf):
    (shelf / name).write_bytes(content)
    with pytest.raises(ChainwardError, match=f"{name}: .*cannot be read .*get the file again"):
        sources.read(SOURCE, "rows.csv")


def test_another_content_is_refused(shelf):
    (shelf / "rows.csv").write_bytes(ROWS + b"\n")
    with pytest.raises(ChainwardError, match=r"rows\.csv has SHA-256 .*expected"):
        sources.read(SOURCE, "rows.csv")


def test_the_given_folder_goes_before_the_users(tmp_path, monkeypatch):
    for place in ("given", "user"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "both.txt").touch()
    (tmp_path / "user" / "one.txt").touch()
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "given"))
    assert sources.find("both.txt") == tmp_path / "given" / "both.txt"
    assert sources.find("one.txt") == tmp_path / "user" / "one.txt"
    assert sources.find("none.txt") is None


@pytest.mark.parametrize("source", known.sources().values(), ids=known.sources())
def test_every_source_is_told_and_its_digests_are_some(source):
    """A file without a digest is one that its loader pins by what it says, or that nobody may pass on."""
    assert source.url.startswith("https://")
    assert source.url.endswith("/")
    assert source.licence
    assert source.files
    for digest in source.files.values():
        assert not digest or (len(digest) == 64 and int(digest, 16))


@pytest.mark.parametrize("is_file", [False, True])
def test_a_named_folder_that_is_none_is_said(is_file, tmp_path, monkeypatch):
    place = tmp_path / "given"
    if is_file:
        place.touch()
    monkeypatch.setenv("CHAINWARD_DATA", str(place))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    told = f"CHAINWARD_DATA is {place}, which is no folder"
    assert told in sources.requires(sources.EXPLORER, ("ca_test_1.txt",))
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    assert "no folder" not in sources.requires(sources.EXPLORER, ("ca_test_1.txt",))
