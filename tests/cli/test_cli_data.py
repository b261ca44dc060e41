from __future__ import annotations

import gc
import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chainward import tasks
from chainward.tasks import sources

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def published(tmp_path: Path, monkeypatch):
    """Two sources on a server of our own, one with a wrong digest, and an empty user's folder."""
    shelf = tmp_path / "published"
    shelf.mkdir()
    (shelf / "rows.txt").write_text("1 2 3\n")
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=shelf)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        digest = hashlib.sha256(b"1 2 3\n").hexdigest()
        published_here = {
            "ours": sources.Source("ours", url, "ours", {"rows.txt": digest}, "CC0"),
            "forged": sources.Source("forged", url, "forged", {"rows.txt": 64 * "0"}, "CC0"),
        }
        monkeypatch.setattr(sources, "SOURCES", published_here)
        yield tmp_path / "user"
        server.shutdown()
        thread.join()
    gc.collect()  # pooch leaves the streamed answer of a refused download to the collector


def test_list_says_for_every_task_what_it_needs(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    rows = {row["task"]: row for row in json.loads(chainward("data", "list", "--json").out)}
    assert set(rows) == set(tasks.names())
    assert all(row["licence"] and row["citation"] for row in rows.values())
    assert (rows["edin"]["source"], rows["edin"]["present"]) == ("explorer", False)
    assert rows["edin"]["url"] == sources.EXPLORER.url
    assert "chainward data get explorer" in rows["edin"]["needs"]
    assert (rows["synthetic"]["source"], rows["synthetic"]["present"], rows["synthetic"]["needs"]) == (None, True, None)
    told = chainward("data", "list")
    assert told.code == 0
    assert sources.EXPLORER.url in told.out


def test_get_fetches_and_says_where_it_was_put(published: Path, chainward) -> None:
    told = chainward("data", "get", "ours", "ours")
    assert (told.code, told.err) == (0, "")
    assert told.out == f"ours: 1 files in {published / 'ours'} (CC0)\n"
    assert (published / "ours" / "rows.txt").read_text() == "1 2 3\n"


def test_get_refuses_another_file_in_one_line(published: Path, chainward) -> None:
    complaint = chainward("data", "get", "forged").complaint
    assert "could not get forged from http" in complaint
    assert not (published / "forged" / "rows.txt").exists()


@pytest.mark.parametrize("name", ["edin", "ca"])
def test_get_takes_a_task_for_its_source(name: str, chainward, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(sources, "fetch", lambda source, progress: asked.append(source) or (Path("here/file"),))
    assert chainward("data", "get", name).code == 0
    assert asked == [sources.EXPLORER]


def test_get_says_when_there_is_nothing_to_get(chainward) -> None:
    assert "nothing to get" in chainward("data", "get", "synthetic").complaint


def test_get_refuses_a_name_it_does_not_know(chainward) -> None:
    complaint = chainward("data", "get", "explorr").complaint
    assert "'explorr'" in complaint
    assert "explorer" in complaint


def test_path_is_where_get_puts_files(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    assert chainward("data", "path").out == f"{tmp_path}\n"
