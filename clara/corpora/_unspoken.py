"""Texts that are yet to be spoken: where they lie, and in which language they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from clara.corpora import _files
from clara.errors import LayoutError, UnknownNameError
from clara.text.languages import language_name

BUILT_IN = "builtin"


def contents(
    root: Path | str, kind: str, known: Sequence[str], shipped: Callable[[str], str]
) -> Iterator[tuple[str, str]]:
    """What a source holds, file by file, with the BCP 47 tag of its language.

    Args:
        root: "builtin" or "builtin:pl,de", perhaps made absolute; a file LANGUAGE.txt; or a folder
            of files that are named after their languages, or lie in folders that are.
        kind: Of what the files hold, for messages ("words").
        known: The languages in which something ships with the package.
        shipped: That of a language.

    Raises:
        LayoutError: There is no such file or folder, a file is not named after a language, or it
            is no text.
        UnknownNameError: Nothing ships in one of the languages.
    """
    name, _, asked = Path(root).name.partition(":")
    if name == BUILT_IN and not Path(root).exists():
        for language in asked.split(",") if asked else known:
            if language not in known:
                raise UnknownNameError(f"language of the built-in {kind}", language, known)
            yield language, shipped(language)
        return
    root = Path(root).expanduser()
    for file in _texts(root, kind):
        folder = root if root.is_dir() else root.parent
        language = _language(file, folder, kind)
        try:
            yield language, unicodedata.normalize("NFC", file.read_text("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise LayoutError(f"Expected text in UTF-8 at {file}, but found: {error}.") from error


def _texts(root: Path, kind: str) -> list[Path]:
    if root.is_dir():
        names = [Path(folder, name) for folder, names in _files.walk(root) for name in names]
        found = [path for path in names if path.suffix == ".txt"]
        if found:
            return found
        problem = "a folder without one"
    elif root.is_file():
        if root.suffix == ".txt":
            return [root]
        problem = "a file of another kind"
    else:
        problem = "no such file or folder"
    raise LayoutError(
        f"Expected {kind} in files named after their languages, such as pl.txt, at {root}, but "
        f"found {problem}; or give {BUILT_IN!r}."
    )


def _language(file: Path, root: Path, kind: str) -> str:
    """What the name of a file, or of a folder that it lies in, says."""
    folders = file.relative_to(root).parts[:-1]
    for name in (file.name.partition(".")[0], *reversed(folders)):
        if language_name(name):
            return name.replace("_", "-")
    raise LayoutError(
        f"Expected each file of {kind} to be named after its language, such as pl.txt, or to lie "
        f"in a folder that is, but found {file}."
    )
