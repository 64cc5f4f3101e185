"""One policy for bad records: skip them, count them by cause, stop when there are too many."""

from __future__ import annotations

from collections import Counter

from clara.errors import DataError


class Skips:
    """Counts good and bad records and stops the work above a share of bad ones.

    Args:
        allowed: The share of bad records above which the work stops.
        patience: How many records to see before the share is judged along the way.

    >>> skips = Skips(allowed=0.5)
    >>> skips.good()
    >>> skips.bad("rooster", "the file is empty")
    >>> skips.check()
    >>> skips.summary()
    '1 of 2 records skipped: the file is empty (1)'
    """

    def __init__(self, allowed: float = 0.05, patience: int = 1000) -> None:
        self.allowed = allowed
        self.patience = patience
        self.kept = 0
        self.causes: Counter[str] = Counter()
        self.examples: list[tuple[str, str]] = []

    def good(self, count: int = 1) -> None:
        """Counts records that were kept."""
        self.kept += count

    def bad(self, key: str, cause: str) -> None:
        """Counts a record that was skipped, by its cause, and keeps the first 100 by name.

        Raises:
            DataError: More than the allowed share of the records so far was bad.
        """
        self.causes[cause] += 1
        if len(self.examples) < 100:
            self.examples.append((key, cause))
        if self.kept + self.skipped >= self.patience:
            self.check()

    @property
    def skipped(self) -> int:
        """How many records were skipped."""
        return self.causes.total()

    def check(self) -> None:
        """Judges the share of bad records.

        Raises:
            DataError: It is above the allowed share.
        """
        seen = self.kept + self.skipped
        if self.skipped > self.allowed * seen:
            key, cause = self.examples[0]
            raise DataError(
                f"Expected at most {self.allowed:.0%} bad records but {self.summary()}; "
                f"the first is {key!r} ({cause}). Mend the data, or allow a larger share."
            )

    def summary(self) -> str:
        """How many were skipped and why, as one phrase."""
        seen = self.kept + self.skipped
        if not self.skipped:
            return f"none of {seen} records skipped"
        causes = ", ".join(f"{cause} ({count})" for cause, count in self.causes.most_common())
        return f"{self.skipped} of {seen} records skipped: {causes}"
