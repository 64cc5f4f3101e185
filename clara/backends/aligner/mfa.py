"""Finds words with the Montreal Forced Aligner, a program beside this one (figure 1a).

McAuliffe et al., Montreal Forced Aligner, Interspeech 2017. It is no Python package that pip could
install: its parts in C++ come from conda.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unicodedata import category

from clara.audio import io
from clara.backends import Word
from clara.errors import AlignmentError, DataError, UsageError
from clara.records import Wave
from clara.text import textgrid
from clara.text.languages import language_name

__all__ = ["MFA"]

_UNKNOWN = ("<unk>", "spn")
_MARKS = ("Mn", "Mc")  # vowel signs and the like
_CAUSE = "the aligner program failed at it"


class MFA:
    """Aligns by calling the program `mfa`, once for each recording.

    Args:
        acoustic: Acoustic model: a name that `mfa model download acoustic` knows, or a file; that
            of the language if empty ("polish_mfa").
        dictionary: Pronunciations: a name that `mfa model download dictionary` knows, or a file;
            that of the language if empty.
        command: The program, if it is not found as "mfa".
        timeout: Seconds to wait for it.

    Raises:
        UsageError: The program is not there.
    """

    def __init__(
        self,
        acoustic: str = "",
        dictionary: str = "",
        *,
        command: str = "mfa",
        timeout: float = 3600.0,
    ) -> None:
        found = shutil.which(command)
        if found is None:
            raise UsageError(
                f"Expected the Montreal Forced Aligner as {command!r}, but found no such program; "
                "install it with `conda create -n aligner -c conda-forge "
                "montreal-forced-aligner`, and say where it lies as `command` if it is not on the "
                "path."
            )
        self._acoustic, self._dictionary = acoustic, dictionary
        self._command, self._timeout = found, timeout

    @functools.cached_property
    def name(self) -> str:
        """The program and its version."""
        answer = self._run("version")
        return f"Montreal Forced Aligner {answer.stdout.strip().rpartition(' ')[2]}"

    def align(self, wave: Wave, rate: int, words: Sequence[str], *, language: str) -> list[Word]:
        """Finds where each word of a transcript is spoken; see `Aligner`.

        Raises:
            AlignmentError: The program fails, or what it writes are other words.
            UsageError: It does not answer in time.
        """
        bare = [_bare(word) for word in words]
        if not any(bare):
            return []
        pretrained = f"{language_name(language).lower().replace(' ', '_')}_mfa"
        if pretrained == "_mfa" and not (self._acoustic and self._dictionary):
            raise AlignmentError(
                f"Expected a language that has models, but found {language!r}; name them as "
                "`acoustic` and `dictionary`.",
                cause="the aligner does not speak its language",
            )
        with tempfile.TemporaryDirectory(prefix="clara-mfa-") as folder:
            corpus, out = Path(folder) / "corpus", Path(folder) / "aligned"
            corpus.mkdir()
            (corpus / "it.flac").write_bytes(io.encode_flac(wave, rate))
            (corpus / "it.lab").write_text(" ".join(filter(None, bare)), encoding="utf-8")
            models = (self._dictionary or pretrained, self._acoustic or pretrained)
            options = ("--clean", "--single_speaker", "--output_format", "long_textgrid")
            own = ("--temporary_directory", str(Path(folder) / "work"))
            answer = self._run("align", *options, *own, str(corpus), *models, str(out))
            if answer.returncode or not (out / "it.TextGrid").is_file():
                said = (answer.stderr or answer.stdout).replace(folder, "")
                last = (said.strip().splitlines() or ["nothing"])[-1].strip()[:100]
                raise AlignmentError(
                    f"Expected the Montreal Forced Aligner to write a TextGrid, but it said: "
                    f"{' '.join(said.split())[-300:]!r}. Mend what it names; models come by "
                    "`mfa model download`.",
                    cause=f"{_CAUSE} and said: {last}",
                )
            try:
                tiers = textgrid.read(out / "it.TextGrid")
            except DataError as error:
                raise AlignmentError(str(error), cause=_CAUSE) from error
        spoken = next((rows for name, rows in tiers.items() if name.endswith("words")), [])
        return _joined(words, bare, [row for row in spoken if row.text], len(wave) / rate)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._command, *arguments]
        try:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            ) as program:
                try:
                    out, said = program.communicate(timeout=self._timeout)
                except BaseException:
                    # It has processes of its own, which would go on.
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(program.pid, signal.SIGKILL)
                    raise
        except subprocess.TimeoutExpired as error:
            raise UsageError(
                f"Expected the Montreal Forced Aligner to answer within {self._timeout:.0f} s, but "
                "it did not; cut the recording, or give it longer as `timeout`."
            ) from error
        except OSError as error:
            raise UsageError(
                f"Expected the Montreal Forced Aligner as {self._command!r}, but it does not "
                f"start: {error.strerror}; name the program as `command`."
            ) from error
        return subprocess.CompletedProcess(command, program.returncode, out, said)


def _bare(word: str) -> str:
    """A word without what the program would drop, or part it at."""
    kept = (
        sign for sign in word.lower() if sign.isalnum() or sign in "'’" or category(sign) in _MARKS
    )
    return "".join(kept).strip("'’")


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _joined(
    words: Sequence[str], bare: Sequence[str], rows: list[textgrid.Interval], end: float
) -> list[Word]:
    """Gives each word of the transcript the time of its parts ("l'" and "homme")."""
    found: list[Word] = []
    place, before = 0, 0.0
    for word, wanted in zip(words, bare, strict=True):
        first, letters = place, 0
        while wanted and place < len(rows) and letters < _letters(wanted):
            unknown = rows[place].text in _UNKNOWN
            letters += _letters(wanted) if unknown else _letters(rows[place].text)
            place += 1
        if letters != (_letters(wanted) if wanted else 0):
            raise AlignmentError(
                f"Expected {wanted!r} among the words of the TextGrid, but found others; check the "
                "transcript.",
                cause="the aligner program wrote other words",
            )
        start = max(before, rows[first].start) if place > first else before
        before = min(end, rows[place - 1].end) if place > first else before
        found.append(Word(word, min(start, before), before))
    if place < len(rows):
        raise AlignmentError(
            f"Expected {len(words)} words in the TextGrid, but found more; check the transcript.",
            cause="the aligner program wrote other words",
        )
    return found
