"""One file over HTTP: taken up again where it broke off, and checked by its hash."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, NamedTuple

import clara
from clara.corpora import Download
from clara.errors import DataError, DownloadError
from clara.fetch._sink import Told, free, size_text
from clara.files import replacing, unwritable

Note = Callable[[str], None]

TRIES = 6
"""How often in a row a download may fail without getting on."""
PAUSE = 1.0
"""Seconds before the second try, doubled before each that follows."""
TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as broken."""

_CHUNK = 1 << 18
_GAIN = 1 << 20  # bytes that count as getting on
_LONGEST_WAIT = 120.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (?P<start>\d+)-(?P<end>\d+)/(?P<total>\d+|\*)")


class _PassingError(Exception):
    """What may go away by itself.

    Args:
        cause: In words.
        wait: Seconds for which the server asks.
    """

    def __init__(self, cause: str, wait: float = 0.0) -> None:
        super().__init__(cause)
        self.wait = wait


class HashError(DownloadError):
    """What came has not the hash or the length that it should have."""


class _Origin(NamedTuple):
    """Which file a part was begun from: its address, what tells its version, and its length."""

    url: str
    etag: str
    modified: str
    total: int | None

    @property
    def validator(self) -> str:
        """What a server compares, byte for byte, before it goes on with a file."""
        strong = self.etag if not self.etag.startswith("W/") else ""
        return strong or self.modified


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects; only with a hash from an encrypted address to an open one."""

    def __init__(self, source: Download) -> None:
        self._source = source

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that goes on at `newurl`."""
        if not self._source.hash and req.type == "https" and not newurl.startswith("https:"):
            raise DownloadError(
                f"Expected {req.full_url} to stay encrypted, but it leads to {newurl}; "
                "it was not followed."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(source: Download, path: Path, *, expected: str, told: Told, note: Note) -> str:
    """Downloads a file, or the rest of it.

    What has come so far lies beside it, ending in ".part", with what it was begun from.

    Args:
        source: What to download.
        path: Where to; a file that is there is checked and kept.
        expected: The hash that it must have; empty if none is known.
        told: Called with the bytes that are there, and those there will be.
        note: Called with what a person should know, such as a try that failed.

    Returns:
        Its SHA-256, in hexadecimal digits.

    Raises:
        HashError: What came is not what it should be.
        DownloadError: It cannot be had.
        DataError: There is no room for it, or the folder cannot be written to.
    """
    if path.is_file():
        with contextlib.suppress(HashError):
            return _verified(path, source, expected)
    part = path.with_name(f"{path.name}.part")
    for last in (False, True):
        resumed = _come(source, part, expected, told, note)
        try:
            digest = _verified(part, source, expected)
        except HashError as error:
            part.unlink()
            _beside(part).unlink(missing_ok=True)
            # A part from an earlier run may have been of another version, or damaged on the disk.
            if last or not resumed:
                raise
            note(f"{error} It is fetched anew.")
            continue
        part.replace(path)
        _beside(part).unlink(missing_ok=True)
        return digest
    raise AssertionError("the second try is whole")


def _come(source: Download, part: Path, expected: str, told: Told, note: Note) -> bool:
    """Tries until all of the file is in `part`; whether it came in more than one piece."""
    most = _size(part)
    resumed = False
    failed = 0
    while True:
        try:
            resumed |= _attempt(source, part, expected, told)
        except _PassingError as fault:
            now = _size(part)
            resumed |= now > 0
            failed = 1 if now >= most + _GAIN else failed + 1
            most = max(most, now)
            if failed >= TRIES:
                raise DownloadError(
                    f"Expected {source.url} to come, but {failed} tries in a row failed, the last "
                    f"because {fault}; check the network (HTTPS_PROXY names a proxy, if you need "
                    "one) and run the same command again, it goes on where it stopped."
                ) from fault
            wait = min(max(PAUSE * 2 ** (failed - 1), fault.wait), _LONGEST_WAIT)
            note(f"{fault}; trying again in {wait:.0f} s.")
            time.sleep(wait)
        else:
            return resumed


def _attempt(source: Download, part: Path, expected: str, told: Told) -> bool:
    """One connection, from where the part ends if the server still has that file.

    Returns:
        Whether some of it was there before.
    """
    origin = _origin(part, source)
    # Without a word on its version, only a hash can tell that both pieces are of one file.
    have = _size(part) if origin and (origin.validator or expected) else 0
    if origin and have and have == origin.total:
        return True
    headers = {"User-Agent": f"clara-audio/{clara.__version__}", "Accept-Encoding": "identity"}
    if origin and have:
        headers["Range"] = f"bytes={have}-"
        if origin.validator:
            headers["If-Range"] = origin.validator
    with _opened(source, headers, part) as response:
        start, total = _announced(response)
        if start and (start != have or origin is None or total not in (None, origin.total)):
            part.unlink()
            raise _PassingError(f"{source.url} is another file than before")
        _check(response, source, start, total, part)
        if start == 0:
            etag, modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
            _begin(part, _Origin(source.url, etag, modified, total))
        _write(response, part, start, total or source.size, told)
    if total is not None and _size(part) != total:
        raise _PassingError(f"{source.url} broke off after {_size(part):,} of {total:,} bytes")
    return start > 0


def _check(
    response: http.client.HTTPResponse, source: Download, start: int, total: int | None, part: Path
) -> None:
    """Whether what a server is about to send is worth taking."""
    if total is not None and source.size and total != source.size:
        raise DownloadError(
            f"Expected {source.size:,} bytes at {source.url}, but the server offers {total:,}; "
            "its owner has changed it, or something stands between."
        )
    if "text/html" in response.headers.get("Content-Type", "") and ".htm" not in source.url:
        raise DownloadError(
            f"Expected a file at {source.url}, but a web page came; open that address in a "
            "browser to see what it asks for."
        )
    check_room(part.parent, (total or source.size) - start)


def check_room(folder: Path, needed: int) -> None:
    """Checks that so many bytes may still be written to the disk of a folder.

    Raises:
        DataError: They may not.
    """
    if needed > (room := free(folder)):
        raise DataError(
            f"Expected room for {size_text(needed)} on the disk of {folder}, but "
            f"{size_text(room)} are free; free some space and run the same command again."
        )


@contextlib.contextmanager
def _opened(
    source: Download, headers: dict[str, str], part: Path
) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request, all faults of the way there in two kinds."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),  # HTTP_PROXY, HTTPS_PROXY and NO_PROXY
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(source),
    ):
        opener.add_handler(handler)
    url = source.url
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error, url, part) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(
                f"Expected a certificate that is known here from {url}, but found: "
                f"{error.reason.verify_message}; SSL_CERT_FILE may name those you trust."
            ) from error
        if isinstance(error.reason, str):
            raise DownloadError(f"Expected to reach {url}, but found: {error.reason}.") from error
        raise _PassingError(_said(url, error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(_said(url, error)) from error
    assert response is not None
    with response:
        yield response


def _refused(error: urllib.error.HTTPError, url: str, part: Path) -> Exception:
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)  # it is as long as the file, or longer: of another one
        return _PassingError(f"{url} is shorter than what came of it before")
    if error.code in _PASSING:
        wait = _seconds(error.headers.get("Retry-After", ""))
        return _PassingError(f"{url} answered {error.code} {error.reason}", wait)
    gone = "its owner has moved or withdrawn it" if error.code in (404, 410) else "it is refused"
    return DownloadError(
        f"Expected a file at {url}, but the server answered {error.code} {error.reason}; {gone}."
    )


def _said(url: str, fault: BaseException) -> str:
    if isinstance(fault, TimeoutError):
        return f"{url} did not answer for {TIMEOUT:.0f} s"
    if isinstance(fault, socket.gaierror):
        return f"the name in {url} cannot be looked up"
    return f"the connection to {url} broke: {fault or type(fault).__name__}"


def _seconds(text: str) -> float:
    """What `Retry-After` says: seconds, or a date."""
    if text.strip().isdecimal():
        return float(text)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0


def _announced(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the answer starts, and how long the whole file is, if it says so."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if found is not None:
            return int(found["start"]), None if found["total"] == "*" else int(found["total"])
    if response.status != http.HTTPStatus.OK:
        raise DownloadError(
            f"Expected a file at {response.url}, but the server answered {response.status} "
            f"{response.reason}."
        )
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _write(
    response: http.client.HTTPResponse, part: Path, start: int, total: int, told: Told
) -> None:
    done = start
    try:
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            while chunk := _chunk(response):
                file.write(chunk)
                done += len(chunk)
                told(done, max(total, done))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(part, error) from error


def _chunk(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(_said(response.url, error)) from error


def _verified(path: Path, source: Download, expected: str) -> str:
    """The SHA-256 of a file whose length and hash are as they should be."""
    kind, _, digits = expected.partition(":")
    hashes = {"sha256": hashlib.sha256()}
    if kind:
        hashes.setdefault(kind, hashlib.new(kind, usedforsecurity=False))
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            for each in hashes.values():
                each.update(chunk)
    found = hashes[kind].hexdigest() if kind else ""
    if found != digits.lower() or source.size not in (0, _size(path)):
        raise HashError(
            f"Expected {expected or f'{source.size:,} bytes'} of {source.url}, but what came has "
            f"{_size(path):,} bytes{f' and {kind}:{found}' if kind else ''}; it was removed."
        )
    return hashes["sha256"].hexdigest()


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _begin(part: Path, origin: _Origin) -> None:
    """Empties a part, then says what it is of: in this order, should the work end in between."""
    part.unlink(missing_ok=True)
    with replacing(_beside(part)) as file:
        file.write(json.dumps(origin._asdict()).encode())


def _origin(part: Path, source: Download) -> _Origin | None:
    """What a part was begun from; None where it cannot be gone on with."""
    try:
        origin = _Origin(**json.loads(_beside(part).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return origin if origin.url == source.url else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
