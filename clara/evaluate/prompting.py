"""Classes asked for in words: the sentences of a task, and the rows that they become."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Floats
from clara.evaluate.tasks import LANGUAGE, Task
from clara.text.languages import language_name
from clara.text.phrases import PAPER_CODE, TABLE_III, TEMPLATES, prompt, templates

_BARE = ("{label}",)  # asks for a kind of label that only its owner knows


class Prompts:
    """The sentences for the classes of a task; those of each template are embedded once.

    Args:
        task: What is asked.
        data: Embeds sentences, and says which set of prompts the run asks with.
        classes: The values of the label.
    """

    def __init__(self, task: Task, data: EmbeddedIndex, classes: Sequence[str]) -> None:
        self.task = task
        self.data = data
        self.classes = classes
        self._rows: dict[str, Floats] = {}

    @property
    def own(self) -> tuple[str, ...]:
        """The templates of the headline, fixed before anything is measured.

        Raises:
            UnknownNameError: The set of prompts of this run asks for no such label.
        """
        kind, style = self.task.target, self.data.prompts
        if self.task.templates:
            return self.task.templates
        if style != "code" and kind not in TEMPLATES:
            return _BARE
        return templates(kind, style, self.task.corpus)

    @property
    def ensemble(self) -> tuple[str, ...]:
        """The task's templates, or all for its kind of label."""
        return self.task.templates or TEMPLATES.get(self.task.target, _BARE)

    @property
    def known(self) -> tuple[str, ...]:
        """Every template worth a figure of its own."""
        kind = self.task.target
        code = templates(kind, "code", self.task.corpus) if kind in PAPER_CODE else ()
        table = TABLE_III if kind == "sound" else ()
        return tuple(dict.fromkeys((*self.own, *self.ensemble, *code, *table)))

    def sentences(self, template: str) -> list[str]:
        """The prompt of each class."""
        if self.task.target == LANGUAGE:
            return [prompt(template, language_name(each) or each) for each in self.classes]
        return [prompt(template, each) for each in self.classes]

    def rows(self, several: Sequence[str]) -> Floats:
        """A unit row for each class `[C, D]`, the mean over its prompts."""
        for template in several:
            if template not in self._rows:
                self._rows[template] = self.data.text(self.sentences(template))
        mean = np.mean([self._rows[template] for template in several], axis=0)
        # The mean of opposite rows is zero; it stays so, and such a class is never the nearest.
        unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
        return unit

    def describe(self) -> dict[str, object]:
        """What a reader must know of how it was asked."""
        own = self.own
        asked = "task" if self.task.templates else self.data.prompts
        return {"prompts": asked, "templates": list(own), "example": self.sentences(own[0])[0]}
