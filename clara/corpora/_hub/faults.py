"""What `datasets` and the packages below it raise, as errors of ours with one clear sentence."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from clara.corpora._hub.address import Address
from clara.errors import ClaraError, DataError, DownloadError, LayoutError

_THEIRS = ("datasets", "huggingface_hub", "httpx", "httpcore", "fsspec", "aiohttp", "pyarrow")
_LONGEST = 300


@contextlib.contextmanager
def told(address: Address) -> Iterator[None]:
    """Raises what a user can do something about in place of what other packages raise.

    Raises:
        DownloadError: The hub cannot be reached, or has no such data set.
        DataError: The disk is full.
        LayoutError: Whatever else is wrong with the data set.
    """
    try:
        yield
    except ClaraError:
        raise
    except Exception as error:
        theirs = type(error).__module__.startswith(_THEIRS)
        if not (theirs or isinstance(error, OSError | ValueError | RuntimeError | ImportError)):
            raise
        raise _fault(address, error) from error


def _fault(address: Address, error: Exception) -> ClaraError:
    place = address.place
    names = {type(each).__name__ for each in _all(error)}
    message = " ".join(str(_first(error)).split())[:_LONGEST].rstrip(". ")
    if any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in _all(error)):
        return DataError(
            f"Expected room for {place} but the disk is full; free some space and run the same "
            "command again, it goes on where it stopped."
        )
    if "DatasetNotFoundError" in names or "RepositoryNotFoundError" in names:
        return DownloadError(
            f"Expected the data set {place} on huggingface.co, but found none that you may read; "
            "check the name, or log in with `hf auth login` if it is gated."
        )
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    cut = isinstance(error, ConnectionError) or names & {"ConnectError", "ReadTimeout"}
    if address.folder is None and (offline or cut):
        why = "HF_HUB_OFFLINE is set" if offline else "there is no way to it"
        return DownloadError(
            f"Expected to reach huggingface.co for {place}, but {why}; connect and run the same "
            "command again, or give a folder that `save_to_disk` wrote."
        )
    if any(isinstance(each, ImportError) and "torchcodec" in str(each) for each in _all(error)):
        return LayoutError(
            f"Expected the audio of {place} in its tables, but found it in files of its own; "
            "leave streaming=0 away."
        )
    return LayoutError(f"Expected a data set that can be read at {place}, but found: {message}.")


def _all(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, the outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first(error: BaseException) -> BaseException:
    """What it came from, where the error itself says nothing but that there was one."""
    cause = error.__cause__
    generic = type(error).__name__ == "DatasetGenerationError"
    return _first(cause) if generic and cause is not None else error
