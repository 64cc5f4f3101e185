"""The stores behind URLs: how they are reached, when they are asked again, what they refuse."""

from __future__ import annotations

import errno
import functools
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import fsspec

from clara.errors import ClaraError, DataError, MissingExtraError, UsageError

T = TypeVar("T")

_TRIES = 4
_PAUSE = 0.2
# Seconds after which nothing is tried again: what a store answers slowly has been tried below.
_PATIENCE = 60.0
# Answers that were lost on the way, by the names that the packages behind fsspec give them.
_LOST = {
    "ClientPayloadError",
    "HTTPClientError",
    "IncompleteRead",
    "IncompleteReadError",
    "ServerDisconnectedError",
}
_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_UNREACHABLE = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ClientConnectorError",
    "gaierror",
}
_BUSY = (errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO))


def connected(url: str) -> tuple[Any, str]:
    """The file system of a URL and its path there."""
    scheme, _, rest = url.partition("://")
    system = connect(scheme, rest.partition("/")[0], os.getpid())
    return system, system._strip_protocol(url)


@functools.lru_cache(maxsize=64)
def connect(scheme: str, host: str, process: int) -> Any:
    """One file system for all threads of a process: making one takes as long as many reads."""
    try:
        return fsspec.core.url_to_fs(f"{scheme}://{host}")[0]
    except ImportError as error:
        if scheme in ("s3", "s3a"):
            raise MissingExtraError(f"addresses that begin with {scheme}://", "s3") from error
        raise UsageError(f"For addresses that begin with {scheme}:// do: {error}.") from error
    except ValueError as error:
        raise UsageError(
            f"Expected a path, or an address such as s3://bucket/folder, but found "
            f"{scheme}://{host}: {error}."
        ) from error


def attempt(url: str, done: str, work: Callable[[], T]) -> T:
    """Does something remote, again if the answer was lost on the way.

    Args:
        url: Of what.
        done: What would have been done to it, for the message.
        work: Does it.

    Raises:
        FileNotFoundError: There is no such file to read.
        UsageError: There are no credentials, or no such bucket to write to.
        DataError: The store does not answer, or refuses.
    """
    begun = time.monotonic()
    for turn in range(1, _TRIES + 1):
        try:
            return work()
        except Exception as error:
            patient = turn < _TRIES and time.monotonic() - begun < _PATIENCE
            if patient and _is_lost(error):
                time.sleep(_PAUSE * 4 ** (turn - 1))
                continue
            if isinstance(error, FileNotFoundError) and done != "written":
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
            raise _refusal(url, done, error) from error
    raise AssertionError


def _is_lost(error: Exception) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    status = getattr(error, "status", 0)
    return bool(_names(error) & _LOST) or status == 429 or status in range(500, 600)


def _names(error: Exception) -> set[str]:
    chain = [error, error.__cause__] if error.__cause__ else [error]
    return {kind.__name__ for each in chain for kind in type(each).__mro__}


def _refusal(url: str, done: str, error: Exception) -> ClaraError:
    """What to tell a user of what a store said."""
    names = _names(error)
    said = str(getattr(error, "strerror", None) or error).strip().rstrip(".").replace("\n", " ")
    if names & _CREDENTIALS:
        return UsageError(
            f"Expected credentials for {url} but found none that can be used ({said}); set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    if isinstance(error, FileNotFoundError):
        bucket = "/".join(url.split("/")[:3])
        return UsageError(f"Expected {bucket} to be there but it is not; make it first.")
    if names & _UNREACHABLE:
        return DataError(
            f"The store of {url} cannot be reached ({said}); check the network, and the address of "
            "the store in AWS_ENDPOINT_URL."
        )
    if isinstance(error, PermissionError):
        return DataError(
            f"{url} may not be {done} ({said}); check the credentials, and what they are allowed "
            "to do there."
        )
    if getattr(error, "errno", None) in _BUSY or _is_lost(error):
        return DataError(
            f"{url} could not be {done}: the store did not answer properly after several tries "
            f"({said}); run the same command again later."
        )
    return DataError(f"{url} could not be {done}: {type(error).__name__}: {said}.")
