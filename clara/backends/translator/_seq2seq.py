"""What M2M100 and NLLB have in common: loading through transformers, batches, and generation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clara.backends._models import loading, title
from clara.errors import MissingExtraError, UnknownNameError

if TYPE_CHECKING:
    import torch

Codes = Mapping[str, str]


class Seq2Seq:
    """An encoder and decoder that is told both languages by tokens.

    Args:
        what: Its name, for messages.
        model: Folder, or name on a hub, of a model in the format of transformers.
        codes: Makes the codes of a tokenizer's languages, by BCP 47 tag.
        device: Where it runs.
        batch: Texts at a time.
        beams: Width of the search; 1 takes the likeliest token each time.

    Raises:
        MissingExtraError: transformers or sentencepiece is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(
        self,
        what: str,
        model: str,
        codes: Callable[[Any], Codes],
        *,
        device: str = "cpu",
        batch: int = 16,
        beams: int = 4,
    ) -> None:
        assert batch > 0
        assert beams > 0
        try:
            import sentencepiece  # noqa: F401 (the tokenizers need it, and say so less clearly)
            import transformers
        except ImportError as error:
            raise MissingExtraError(f"the {what} translator", "translate") from error
        with loading(f"a model of {what} in the format of transformers", model):
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model)
            network: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(model)
            self._codes = codes(self._tokenizer)
        self._model: torch.nn.Module = network.to(device).eval()
        self._limit = int(network.config.max_position_embeddings)
        self._device, self._batch, self._beams = device, batch, beams
        self._lock = threading.Lock()
        self.name = f"{what}:{title(model, network)} (transformers {transformers.__version__})"

    def languages(self) -> list[str]:
        """The languages that it knows, as BCP 47 tags, sorted."""
        return sorted(self._codes)

    def translate(self, texts: Sequence[str], *, source: str, target: str) -> list[str | None]:
        """Translates texts, those of like length together.

        Returns:
            A translation of each; None where the text is longer than the model, or nothing came.
            A blank text stays what it is.

        Raises:
            UnknownNameError: The model does not know one of the languages.
        """
        spoken, wanted = self._code(source), self._code(target)
        found: list[str | None] = list(texts)
        with self._lock:
            self._tokenizer.src_lang = spoken
            rows = {i: self._tokenizer(text).input_ids for i, text in enumerate(texts)}
            whole = [i for i, row in rows.items() if texts[i].strip() and len(row) <= self._limit]
            for i in rows:
                if len(rows[i]) > self._limit:
                    found[i] = None
            whole.sort(key=lambda i: len(rows[i]))
            for start in range(0, len(whole), self._batch):
                part = whole[start : start + self._batch]
                answers = self._generate([texts[i] for i in part], wanted)
                for i, answer in zip(part, answers, strict=True):
                    found[i] = " ".join(answer.split()) or None
        return found

    def _generate(self, texts: list[str], wanted: str) -> list[str]:
        import torch

        inputs = self._tokenizer(texts, return_tensors="pt", padding=True).to(self._device)
        # A translation is rarely twice as long; a model that finds no end is stopped there.
        most = min(2 * inputs.input_ids.shape[1] + 32, self._limit - 2)
        with torch.inference_mode():
            generate: Any = self._model.generate
            rows = generate(
                **inputs,
                forced_bos_token_id=self._token(wanted),
                num_beams=self._beams,
                do_sample=False,
                max_new_tokens=most,
            )
        # Before the words stand the token to begin with and that of the language.
        answers: list[str] = self._tokenizer.batch_decode(rows[:, 2:], skip_special_tokens=True)
        return answers

    def _code(self, language: str) -> str:
        tag = language.replace("_", "-")
        code = self._codes.get(tag) or self._codes.get(tag.partition("-")[0].lower())
        if code is None:
            raise UnknownNameError(f"language of {self.name}", language, self._codes)
        return code

    def _token(self, code: str) -> int:
        forms = (code, f"__{code}__")  # NLLB's, and M2M100's
        for form in forms:
            number = self._tokenizer.convert_tokens_to_ids(form)
            if number is not None and number != self._tokenizer.unk_token_id:
                return int(number)
        raise AssertionError(f"the tokenizer listed {code} but has no token for it")
