"""One torch thread, as in a trial: sums never depend on the machine, and small networks do not fight over cores.

Under continuous integration the property tests draw the same examples every time: a change fails for what it changed.
"""

import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)
# How long a busy machine takes to draw examples is no fault of what is tested.
SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("everywhere", **SLOW_IS_FINE)
settings.register_profile("continuous integration", **SLOW_IS_FINE, derandomize=True)
settings.load_profile("continuous integration" if os.environ.get("CI") else "everywhere")


class Publisher(ThreadingHTTPServer):
    """A server of our own. `files`: path -> content; `breaks`: how many bytes of each answer come before it breaks off,
    one number an answer, until there are no more; `ranges`: whether it goes on where it is asked to; `asked`: the path
    and range of each request; `tag`: what tells one version of the files from another, if anything does."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Published)
        self.files, self.breaks, self.asked, self.ranges, self.tag = {}, [], [], True, '"one"'

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Published(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append((self.path, asked))
        content = server.files.get(self.path.removeprefix("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.ranges else 0
        if start and self.headers.get("If-Range") != server.tag:
            start = 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        broken = server.breaks.pop(0) if server.breaks else None
        self.wfile.write(content[start:] if broken is None else content[start : start + broken])


@pytest.fixture
def publisher(tmp_path, monkeypatch):
    """A server that publishes nothing yet, and an empty user's folder to download to."""
    from chainward.tasks import downloads, sources

    for module in (downloads, sources):
        monkeypatch.setattr(module, "folder", lambda: tmp_path / "user")
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with Publisher() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
