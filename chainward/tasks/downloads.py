"""Getting data files from their canonical place: what breaks off goes on where it stopped, and nothing is taken
unchecked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pooch

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks.sources import Source, find, folder, located, read, spellings

RETRIES = 3
TIMEOUT_S = 30
CHUNK = 1 << 16


class Refused(OSError):
    """The server answers that it will not give this file: asking again would change nothing."""


def fetch(source: Source, *, progress: bool = True) -> tuple[Path, ...]:
    """Download what is missing of `source` into the user's data folder, check it, return where all its files are.

    Archives are kept as they come. Files already there and sound are kept, others in the user's folder replaced.

    Raises:
        ChainwardError: the network or a digest fails, or one needs an account to come to these data.
    """
    if source.credentialed:
        raise ChainwardError(f"{source.name} is not downloaded: {access(source)}")
    for name in source.files:
        _drop_unsound(source, name)
    try:
        for archive in source.archives:
            if _missing(source) and find(f"{source.folder}/{archive}") is None:
                _download(source, archive, "", progress)
        for name in _missing(source):
            _first_of(source, name, progress)
        for name in source.files:
            read(source, name)
    except (OSError, ValueError) as reason:
        if _is_unreachable(reason):
            raise ChainwardError(_by_hand(source)) from reason
        line = str(reason).splitlines()[0]
        raise ChainwardError(f"could not get {source.name} from {source.url}: {line}") from reason
    except ChainwardError as reason:
        for name in source.files:
            _drop_unsound(source, name)
        raise ChainwardError(f"could not get {source.name} from {source.url}: {reason}") from reason
    found = [located(source, name) for name in source.files]
    return tuple(dict.fromkeys(one.path for one in found if one))


def access(source: Source) -> str:
    """How one comes to data that are not for everybody, and where they go."""
    names = ", ".join([*source.archives, *source.files])
    own = folder() / source.folder
    return f"{source.credentialed}; put {names} into {own}, or into {source.folder}/ of the folder CHAINWARD_DATA names"


def _is_unreachable(reason: Exception) -> bool:
    """Whether no server answered, rather than one that refused or broke off."""
    import requests  # takes long to import
    from urllib3.exceptions import MaxRetryError

    unreached = isinstance(reason, requests.ConnectionError) and not isinstance(reason, requests.exceptions.SSLError)
    return unreached and any(isinstance(one, MaxRetryError) for one in reason.args)


def _by_hand(source: Source) -> str:
    names = source.archives[:1] or _missing(source)
    them = "it" if len(names) == 1 else "them"
    place = f"{folder() / source.folder} (`chainward data path`)"
    host = urlsplit(source.url).hostname
    return f"no connection to {host}: get {', '.join(names)} on another machine and put {them} in {place}"


def _missing(source: Source) -> list[str]:
    return [name for name in source.files if located(source, name) is None]


def _drop_unsound(source: Source, name: str) -> None:
    """Delete what lies in the user's folder for a file and is not it, so that it is got again."""
    try:
        read(source, name)
    except DataMissing:
        pass
    except ChainwardError:
        found = located(source, name)
        if found and found.path.is_relative_to(folder()):
            found.path.unlink()


def _first_of(source: Source, name: str, progress: bool) -> None:
    """Download a file under the first of its names that the server knows."""
    digest = source.files[name]
    refused: list[Refused] = []
    for spelling in spellings(source, name):
        try:
            return _download(source, spelling, digest if not spelling.endswith(".gz") else "", progress)
        except Refused as reason:
            refused.append(reason)
    raise refused[0]


def _download(source: Source, name: str, sha256: str, progress: bool) -> None:
    """Put the file `name` at the source's address into its folder."""
    place = folder() / source.folder
    shelf = pooch.create(
        path=place,
        base_url=source.url,
        registry={name: f"sha256:{sha256}" if sha256 else None},
        urls={name: source.url + quote(name, safe="/%+")},
        retry_if_failed=RETRIES,
    )
    shelf.fetch(name, downloader=Resuming(place / f"{name}.part", progress))


@dataclass(frozen=True)
class Resuming:
    """What pooch downloads with: bytes gather in `part`, which the next try goes on with if the server has the same
    file still (HTTP ranges, by the entity tag or time that came with the first bytes)."""

    part: Path
    progress: bool = False

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` and move it to `output_file`; raises OSError."""
        import requests  # takes long to import

        self.part.parent.mkdir(parents=True, exist_ok=True)
        with requests.get(url, headers=self._asked(), stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                self._forget()
                raise requests.ConnectionError(f"{url}: its size has changed")
            if 400 <= answer.status_code < 500:
                raise Refused(f"{answer.status_code} {answer.reason}: {url}")
            answer.raise_for_status()
            self._gather(answer)
        shutil.move(self.part, output_file)
        self._forget()

    def _asked(self) -> dict[str, str]:
        """The headers: only what is not here yet, unless the file is another by now, and as it lies on the server."""
        plain = {"Accept-Encoding": "identity"}
        if not (self.part.is_file() and self._tag.is_file()):
            return plain
        tag = self._tag.read_text(encoding="ascii", errors="replace")
        return {**plain, "Range": f"bytes={self.part.stat().st_size}-", "If-Range": tag}

    def _gather(self, answer: Any) -> None:
        goes_on = answer.status_code == 206
        if not goes_on:
            self._forget()
            if tag := _strong(answer.headers):
                self._tag.write_text(tag, encoding="ascii", errors="replace")
        here = self.part.stat().st_size if goes_on else 0
        length = int(answer.headers.get("Content-Length", 0))
        with self.part.open("ab") as file, _bar(self.progress, self.part.stem, here, here + length) as bar:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))

    @property
    def _tag(self) -> Path:
        return self.part.with_name(f"{self.part.name}.tag")

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)


def _strong(headers: Any) -> str | None:
    """What tells this file from a later one of its name; a weak tag does not."""
    tag: str | None = headers.get("ETag")
    time: str | None = headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else time


def _bar(shown: bool, name: str, here: int, total: int) -> Any:
    from tqdm import tqdm  # only where something is downloaded

    return tqdm(desc=name, initial=here, total=total or None, unit="B", unit_scale=True, ncols=79, disable=not shown)
