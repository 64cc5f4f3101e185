"""One request to a server that speaks OpenAI's chat protocol, and what its failure means."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple

from clara.errors import UsageError

_LARGEST = 16 << 20
_MANY = 1 << 40
_LATER = frozenset({408, 409, 425, 429, *range(500, 600)})


class Body(NamedTuple):
    """What was said, and the tokens that it took to ask and to say it."""

    text: str
    tokens: int


class RequestError(Exception):
    """A request without an answer.

    Args:
        cause: In words that all requests with this fault share.
        wait: Seconds that the server asks to wait, if it does.
        silent: Whether nothing came from the server at all.
        refused: Whether the same request would fail again.
    """

    def __init__(
        self,
        cause: str,
        *,
        wait: float | None = None,
        silent: bool = False,
        refused: bool = False,
    ) -> None:
        super().__init__(cause)
        self.wait = wait
        self.silent = silent
        self.refused = refused


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is meant for the server that was named."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """Nothing, so that the answer counts as an error."""


class _Request(urllib.request.Request):
    """A request that can be ended from outside."""

    cut = False
    socket: socket.socket | None = None

    def end(self) -> None:
        """Cuts the connection, so that whoever waits for more of the answer waits no longer."""
        self.cut = True
        if self.socket is not None:
            with contextlib.suppress(OSError):
                # Not by the method of a secure one, which another thread may be reading from.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class _Plain(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Opens a connection that the request knows."""
        return self.do_open(_known_to(req, http.client.HTTPConnection), req)


class _Secure(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Opens a connection that the request knows."""
        return self.do_open(_known_to(req, http.client.HTTPSConnection), req)


def _known_to(req: urllib.request.Request, kind: type[http.client.HTTPConnection]) -> Any:
    class Known(kind):  # type: ignore[misc, valid-type]
        def connect(self) -> None:
            super().connect()
            assert isinstance(req, _Request)
            req.socket = self.sock
            if req.cut:  # while there was nothing to end yet
                req.end()

    return Known


class Server:
    """An address, the key for it, and the seconds that an answer may take.

    Raises:
        UsageError: The address is not one of http or https, or the key is none.
    """

    def __init__(self, url: str, key: str, timeout: float) -> None:
        key = key.strip()
        if not url.startswith(("http://", "https://")):
            raise UsageError(
                f"Expected the address of a server such as http://localhost:8000/v1 but found "
                f"{url!r}."
            )
        if not (key.isascii() and (key.isprintable() or not key)):
            raise UsageError("Expected a key of plain characters but found others; copy it again.")
        self.url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_Stay, _Plain, _Secure)

    def post(self, payload: dict[str, object]) -> Body:
        """Sends one request for a completion.

        Raises:
            RequestError: No answer came, or one that is none.
            UsageError: The server refuses the key, has no such model or address, or is not trusted.
        """
        request = _Request(
            f"{self.url}/chat/completions",
            json.dumps(payload).encode(),
            self._headers,
            method="POST",
        )
        try:
            return _parse(self._read(request))
        except urllib.error.HTTPError as error:
            with error:
                raise self._meaning(error, str(payload.get("model"))) from None
        except (TimeoutError, urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise UsageError(
                    f"Expected a certificate of {self.url} that is trusted but found: "
                    f"{reason.verify_message}; SSL_CERT_FILE names certificates to trust."
                ) from None
            slow = request.cut or isinstance(reason, TimeoutError)
            cause = "the server is too slow" if slow else "the server does not answer"
            raise RequestError(cause, silent=True) from None

    def _read(self, request: _Request) -> bytes:
        parts: list[bytes] = []
        # The limit of a socket holds for each bit that comes, be it one byte of a header.
        watch = threading.Timer(self._timeout, request.end)
        watch.start()
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                while part := response.read1(1 << 16):
                    parts.append(part)
                    if sum(map(len, parts)) > _LARGEST:
                        raise RequestError("the server answers without end", refused=True)
        finally:
            watch.cancel()
        if request.cut:
            raise TimeoutError
        return b"".join(parts)

    def _meaning(self, error: urllib.error.HTTPError, model: str) -> Exception:
        code = error.code
        if code in _LATER:
            cause = "the server has too much to do" if code == 429 else f"the server fails ({code})"
            return RequestError(cause, wait=_seconds(error.headers.get("Retry-After")))
        if code in (401, 403):
            return UsageError(
                f"The server at {self.url} refuses the key ({code}); set the environment variable "
                "of the key to one that it takes."
            )
        if code == 404 or 300 <= code < 400:
            return UsageError(
                f"Expected the model {model!r} at {self.url} but the server answers {code}; see "
                "to the name of the model and to the address, which ends in /v1 as a rule."
            )
        return RequestError(f"the server refuses the request ({code})", refused=True)


def _parse(content: bytes) -> Body:
    try:
        answer = json.loads(content)
        text = answer["choices"][0]["message"]["content"]
        usage = answer.get("usage") or {}
        tokens = usage.get("total_tokens") or 0
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        raise RequestError("the server answers no completion") from None
    if not isinstance(text, str) or not isinstance(tokens, int):
        raise RequestError("the server answers no completion")
    # A server that counts none, or more than can be, is charged by the usual three bytes each.
    return Body(text, tokens if 0 < tokens < _MANY else len(content) // 3)


def _seconds(value: str | None) -> float | None:
    """The time to wait that a server names, in seconds or as a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
