import gc
import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chainward.errors import ChainwardError
from chainward.tasks import sources

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A source of one file on a server of our own, and an empty user's folder."""
    shelf = tmp_path / "published"
    shelf.mkdir()
    (shelf / "rows.txt").write_text("1 2 3\n")
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=shelf)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        digest = hashlib.sha256(b"1 2 3\n").hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/"
        yield sources.Source("ours", url, "ours", {"rows.txt": digest}, "CC0")
        server.shutdown()
        thread.join()
    # pooch leaves the streamed answer of a refused download to the collector: here, and not in a later test.
    gc.collect()


def test_what_is_fetched_is_found_and_read(published):
    assert sources.find("ours/rows.txt") is None
    assert "chainward data get ours" in sources.requires(published, ("rows.txt",))
    (path,) = sources.fetch(published, progress=False)
    assert path == sources.find("ours/rows.txt")
    assert sources.requires(published, ("rows.txt",)) is None
    assert sources.read(published, "rows.txt") == b"1 2 3\n"


def test_a_different_file_is_not_kept(published):
    wrong = replace(published, files={"rows.txt": "0" * 64})
    with pytest.raises(ChainwardError, match="could not get ours from http"):
        sources.fetch(wrong, progress=False)
    assert sources.find("ours/rows.txt") is None


def test_a_failed_download_is_one_line(published):
    absent = replace(published, files={"absent.txt": "0" * 64})
    with pytest.raises(ChainwardError, match=r"could not get ours.*404") as caught:
        sources.fetch(absent, progress=False)
    assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize("source", sources.SOURCES.values(), ids=sources.SOURCES)
def test_every_source_is_pinned(source):
    assert source.url.startswith("https://")
    assert source.url.endswith("/")
    assert all(len(digest) == 64 and int(digest, 16) for digest in source.files.values())
