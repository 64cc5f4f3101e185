"""M2M100 through transformers: 100 languages, any into any (the paper's appendix C names its kind).

Fan et al., Beyond English-Centric Multilingual Machine Translation, 2021.
"""

from __future__ import annotations

from typing import Any

from clara.backends.translator._seq2seq import Codes, Seq2Seq

__all__ = ["M2M100"]

_TAGS = {"ns": "nso"}  # its codes are tags, but for this one


class M2M100(Seq2Seq):
    """Translates between the languages that the tokenizer of the model lists.

    Args:
        model: Folder, or name on the hub.
        device: Where it runs.
        batch: Texts at a time.
        beams: Width of the search.

    Raises:
        MissingExtraError: transformers or sentencepiece is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(
        self,
        model: str = "facebook/m2m100_418M",
        *,
        device: str = "cpu",
        batch: int = 16,
        beams: int = 4,
    ) -> None:
        super().__init__("m2m100", model, _codes, device=device, batch=batch, beams=beams)


def _codes(tokenizer: Any) -> Codes:
    codes = {_TAGS.get(code, code): code for code in tokenizer.lang_code_to_token}
    if "no" in codes:
        codes["nb"] = "no"
    return codes
