"""Fetching one file: several addresses, tries that go on where the last one stopped, a check before anything is used."""
from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, DownloadError
from .checksum import kind_of, mismatch
from .home import locked

CHUNK = 1 << 16
# What may go better on another try.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class _BrokenError(Exception):
    """A try that failed; `again` tells whether the same address may do better."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def download(urls: str | Sequence[str], path: str | os.PathLike, *, checksum: str | None = None, tries: int = 4, timeout: float = 30,
             pause: float = 0.5, progress: bool = True) -> Path:
    """Fetch a file, unless it is there already.

    The bytes go to ``path.part`` and are renamed when their checksum is right, so a file at `path` is whole. What a broken try
    has left is continued, where the server can; without a checksum only if the server says that the file is still the same. Of
    several processes one fetches; the others wait for it.

    Parameters
    ----------
    urls : str or sequence of str
        The same file at several addresses, tried in order.
    path : path
    checksum : str, optional
        SHA-256 or MD5 in hexadecimal. A file that is there is checked too.
    tries : int
        At each address, after breaks and passing faults of the server.
    timeout : float
        Seconds without a byte after which a try ends.
    pause : float
        Seconds before a second try; twice as many before each further one.
    progress : bool
        Show a bar on stderr, in a terminal or notebook.

    Returns
    -------
    Path

    Raises
    ------
    DownloadError
        If no address gives the file, or the file that is there is another one. It says how to place the file by hand.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from workbench.data.download import download
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "hello.txt"
    >>> _ = place.write_text("hello")  # as if it had been fetched before
    >>> download("https://example.org/hello.txt", place, checksum="5d41402abc4b2a76b9719d911017c592").read_text()
    'hello'
    """
    addresses, place = [urls] if isinstance(urls, str) else list(urls), Path(path)
    if not addresses or tries < 1:
        raise ArgumentError(f"download: {len(addresses)} urls, tries={tries}; expected at least one of each")
    if unlike := [url for url in addresses if "://" not in url]:
        raise ArgumentError(f"download: {unlike[0]!r} is no address; expected one such as https://example.org/{place.name}")
    if checksum is not None:
        kind_of(checksum)
    with locked(place):
        if place.exists():
            wrong = mismatch(place, checksum)
            if wrong:
                raise DownloadError(f"{place} is not the file it should be: {wrong}; remove it, and it is fetched again")
            return place
        reasons = []
        for url in addresses:
            reason = _fetch(url, place, checksum, tries, timeout, pause, progress)
            if not reason:
                return place
            reasons.append(f"{url}: {reason}")
    raise DownloadError(_by_hand(place, addresses, checksum, reasons))


def _by_hand(place: Path, addresses: Sequence[str], checksum: str | None, reasons: Sequence[str]) -> str:
    check = f" ({kind_of(checksum)} {checksum})" if checksum else ""
    return "\n  ".join([f"{place.name} could not be fetched.", *reasons]) + (
        f"\nWithout a network, place it by hand: fetch {addresses[0]}{check} on another machine and copy it to {place}")


def _fetch(url: str, place: Path, checksum: str | None, tries: int, timeout: float, pause: float, progress: bool) -> str:
    """Try one address; the reason why it failed, or nothing."""
    part = place.with_name(place.name + ".part")
    reason, tags = "", [""]
    for number in range(tries):
        if number:
            time.sleep(pause * 2 ** (number - 1))
        if checksum is None and not tags[-1]:  # nobody could tell a half of this file from half of another
            part.unlink(missing_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        try:
            _transfer(url, part, tags, timeout, progress)
        except _BrokenError as error:
            reason = str(error)
            if not error.again:
                break
            continue
        reason = mismatch(part, checksum)
        if not reason:
            part.replace(place)
            return ""
        part.unlink()
        # A wrong file is wrong again, unless its first half came from elsewhere.
        if not resumed:
            break
    return reason


def _transfer(url: str, part: Path, tags: list[str], timeout: float, progress: bool) -> None:
    """One request: append to what is there if the server continues it, else begin anew. `tags` names the versions of the file that were met."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "workbench", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", **({"If-Range": tags[-1]} if tags[-1] else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            start, total = _extent(response, have)
            tags.append(_tag(response))
            with open(part, "r+b" if start else "wb") as file, _bar(part.stem, start, total, progress) as bar:
                file.seek(start)
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
                if total is not None and file.tell() != total:
                    raise _BrokenError(f"the connection ended after {file.tell():,} of {total:,} bytes", again=True)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # more is there than the server has: begin anew
            part.unlink(missing_ok=True)
        raise _BrokenError(f"the server answers {error.code} {error.reason}", again=error.code in (416, *PASSING)) from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", None) or error
        raise _BrokenError(f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason), again=True) from None


def _tag(response: Any) -> str:
    """By what the server can tell one version of a file from another; empty if it cannot."""
    etag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if etag.startswith("W/") or not etag else etag


def _extent(response: Any, have: int) -> tuple[int, int | None]:
    """Where the response begins in the file, and how long the file is (None where the server does not say)."""
    length = response.headers.get("Content-Length")
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have:
            raise _BrokenError(f"the server continues at {response.headers.get('Content-Range')!r} instead of {have}", again=False)
        return have, int(found[2]) if found[2] != "*" else None
    return 0, int(length) if length is not None else None


def _bar(name: str, start: int, total: int | None, progress: bool) -> Any:
    from tqdm.auto import tqdm

    # disable=None: no bar where stderr is no terminal.
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, disable=None if progress else True)
