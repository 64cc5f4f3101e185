"""A client of any server that speaks OpenAI's chat protocol, for work on many short texts.

It sends several texts a request, several requests at once, keeps every answer that was accepted on
disk, tries again what may pass by itself, stays within a budget, and counts what became of each
text. The key comes from the environment, goes nowhere but into the header of a request, and follows
no redirection.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from clara.backends import _http
from clara.backends._answers import Answers, Budget
from clara.errors import UsageError

_SHAPE = (
    " You are given a JSON array of strings. Answer with a JSON array of as many strings, in the"
    " same order, and with nothing else."
)
_SPENT = "spent.sqlite"
_DOWN = 3  # questions in a row that no server answered, after which the others are not asked

Check = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class LLMConfig:
    """Which server, and how it may be used.

    Attributes:
        url: Up to "/v1".
        model: As the server calls it.
        key: The environment variable that holds the key; the server is asked without one if that
            is not set.
        batch: Texts a request.
        at_once: Requests at the same time.
        tries: How often to ask before a text is given up.
        timeout: Seconds for a whole answer.
        wait: Seconds before the second try; doubled with each further one, up to a minute. A
            server that names the time to wait (Retry-After) is heard instead.
        requests: Budget of requests, tries included; None for no end. In a recipe it is that of the
            step, whatever the number of processes and however often the run is taken up again.
        tokens: Budget of tokens, read and written, in the same way; what is on its way when it is
            spent still ends.
        seed: Of the answers, and of the waiting times.
    """

    url: str = "http://localhost:8000/v1"
    model: str
    key: str = "OPENAI_API_KEY"
    batch: int = 16
    at_once: int = 4
    tries: int = 4
    timeout: float = 120.0
    wait: float = 1.0
    requests: int | None = None
    tokens: int | None = None
    seed: int = 0


@dataclass
class Counts:
    """What became of the texts, over the life of a client.

    Attributes:
        texts: How many were asked for; one that comes twice in a list counts once.
        cached: Answered from disk.
        answered: Answered by the server, and accepted.
        requests: Requests sent, tries included.
        retries: Those of them that were not the first of their kind.
        tokens: Read and written, as the server counts them.
        lost: Texts without an answer, by cause.
    """

    texts: int = 0
    cached: int = 0
    answered: int = 0
    requests: int = 0
    retries: int = 0
    tokens: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """What became of them, as one phrase."""
        causes = ", ".join(f"{cause} ({count})" for cause, count in self.lost.most_common())
        return (
            f"{self.answered} of {self.texts} texts answered and {self.cached} from the cache by "
            f"{self.requests} requests ({self.retries} of them again) and {self.tokens} tokens; "
            + (f"without an answer: {causes}" if causes else "none without an answer")
        )


class _LostError(Exception):
    """A question without an answer.

    Args:
        cause: In words that all questions with this fault share.
        alone: Whether its texts may fare better one at a time.
    """

    def __init__(self, cause: str, alone: bool = False) -> None:
        super().__init__(cause)
        self.alone = alone


class LLM:
    """Asks a server about texts.

    Args:
        config: Which server, and how it may be used.
        cache: File in which accepted answers are kept; none are if it is None.
        run: Folder of a run: the budget is that of all clients that are given the same folder, in
            any process, before and after a stop. Without it the budget is that of this client.

    Raises:
        UsageError: The address is none, or a number makes no sense.
        DataError: The cache or the folder cannot be written, or holds something else.
    """

    def __init__(
        self,
        config: LLMConfig,
        cache: str | os.PathLike[str] | None = None,
        run: str | os.PathLike[str] | None = None,
    ) -> None:
        if min(config.batch, config.at_once, config.tries) < 1 or config.timeout <= 0:
            raise UsageError(
                "Expected at least one text a request, one request at once, one try and a timeout "
                f"above 0, but found {config.batch}, {config.at_once}, {config.tries} and "
                f"{config.timeout:g}."
            )
        self.config = config
        self.name = f"openai:{config.model}"
        self.counts = Counts()
        self._server = _http.Server(config.url, os.environ.get(config.key, ""), config.timeout)
        self._answers = Answers(Path(cache) if cache is not None else None)
        spent = Path(run) / _SPENT if run is not None else None
        self._budget = Budget(spent, config.requests, config.tokens)
        self._lock = threading.Lock()
        self._dice = random.Random(config.seed)
        self._silent = 0

    def map(self, instruction: str, texts: Sequence[str], check: Check) -> list[str | None]:
        """Asks the same about each text.

        Args:
            instruction: What to do with one text.
            texts: In any order; one that comes twice is asked once.
            check: Takes a text and its answer, and says what is wrong with the answer, in words
                that all answers with this fault share; "" if nothing is.

        Returns:
            The answer to each text in order, None for those that are counted as lost.

        Raises:
            UsageError: The server refuses the key, or has no such model or address.
            DataError: The cache cannot be written.
        """
        self._silent = 0
        new: list[str] = []
        known: dict[str, str | None] = {}
        for text in dict.fromkeys(texts):
            known[text] = self._answers.get(self._identity(instruction, text))
            if known[text] is None or check(text, known[text] or ""):
                new.append(text)
        self.counts.texts += len(known)
        self.counts.cached += len(known) - len(new)
        known.update(dict.fromkeys(new))
        size = self.config.batch
        batches = [new[start : start + size] for start in range(0, len(new), size)]

        def work(batch: list[str]) -> None:
            for text, answer in self._batch(instruction, batch, check):
                with self._lock:
                    known[text] = answer
                    self.counts.answered += 1
                self._answers.put(self._identity(instruction, text), answer)

        with ThreadPoolExecutor(self.config.at_once) as pool:
            try:
                for _ in pool.map(work, batches):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [known[text] for text in texts]

    def _identity(self, instruction: str, text: str) -> str:
        """What an answer depends on, as a key."""
        parts = json.dumps([self.config.model, self.config.seed, instruction, text])
        return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()

    def _batch(self, instruction: str, texts: list[str], check: Check) -> Iterator[tuple[str, str]]:
        """The texts that got an answer that passes; what fails in company is asked alone."""
        answers: Sequence[str | None]
        try:
            answers = self._ask(instruction, texts, check if len(texts) == 1 else None)
        except _LostError as lost:
            if len(texts) == 1 or not lost.alone:
                with self._lock:
                    self.counts.lost[str(lost)] += len(texts)
                return
            answers = [None] * len(texts)
        for text, answer in zip(texts, answers, strict=True):
            if answer is not None and not check(text, answer):
                yield text, answer
            elif len(texts) > 1:
                yield from self._batch(instruction, [text], check)

    def _ask(self, instruction: str, texts: list[str], check: Check | None) -> list[str]:
        """One request and its repetitions.

        Args:
            instruction: What to do with one text.
            texts: Those of the request.
            check: For a single text: its answer has to pass, or is asked for again.

        Raises:
            _LostError: No try brought an answer of the right shape that passes.
        """
        cause, wait, alone = "", None, False
        for attempt in range(self.config.tries):
            if attempt:
                time.sleep(self._pause(attempt, wait))
            self._reserve(attempt)
            try:
                body = self._server.post(self._request(instruction, texts, attempt))
            except _http.RequestError as failed:
                cause, wait, alone = str(failed), failed.wait, failed.refused
                if failed.silent:
                    self._missed()
                if failed.refused:
                    break
                continue
            wait, alone = None, True
            self._budget.charge(body.tokens)
            with self._lock:
                self._silent = 0
                self.counts.tokens += body.tokens
            answers = _strings(body.text)
            if answers is None or len(answers) != len(texts):
                cause = "the answer has not the shape asked for"
            elif check is not None and (fault := check(texts[0], answers[0])):
                cause = f"the answer {fault}"
            else:
                return answers
        raise _LostError(cause, alone)

    def _request(self, instruction: str, texts: list[str], attempt: int) -> dict[str, object]:
        return {
            "model": self.config.model,
            "messages": [
                {"role": "system", "content": instruction + _SHAPE},
                {"role": "user", "content": json.dumps(texts, ensure_ascii=False)},
            ],
            "temperature": 0 if not attempt else 0.7,
            "seed": self.config.seed + attempt,
        }

    def _reserve(self, attempt: int) -> None:
        """Takes a request out of the budget.

        Raises:
            _LostError: It is spent, or the server is taken for dead.
        """
        with self._lock:
            if self._silent >= _DOWN * self.config.tries:
                raise _LostError("the server does not answer")
        if spent := self._budget.take():
            raise _LostError(f"the budget of {spent} is spent")
        with self._lock:
            self.counts.requests += 1
            self.counts.retries += bool(attempt)

    def _missed(self) -> None:
        with self._lock:
            self._silent += 1

    def _pause(self, attempt: int, asked: float | None) -> float:
        if asked is not None:
            return min(asked, 60.0)
        with self._lock:
            share = self._dice.uniform(0.5, 1.0)
        return min(share * self.config.wait * 2.0 ** (attempt - 1), 60.0)


class Asker:
    """A backend that asks a server.

    Args:
        config: Which server and model, and the budget.
        cache: File in which accepted answers are kept; none are if it is None.
        run: Folder of a run whose processes share the budget.

    Attributes:
        llm: The client; its `counts` say what became of the texts.
        name: Which model.

    Raises:
        UsageError: The configuration makes no sense.
        DataError: The cache or the folder cannot be written, or holds something else.
    """

    def __init__(
        self,
        config: LLMConfig,
        cache: str | os.PathLike[str] | None = None,
        run: str | os.PathLike[str] | None = None,
    ) -> None:
        self.llm = LLM(config, cache, run)
        self.name = self.llm.name

    @property
    def lost(self) -> Counter[str]:
        """The texts without an answer, by cause, over its life."""
        return self.llm.counts.lost


def _strings(text: str) -> list[str] | None:
    """The JSON array of strings in an answer, or None; a fence around it is let pass."""
    text = text.strip()
    if text.startswith("```"):
        text = text.strip("`").removeprefix("json")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return None
    # Half a surrogate pair is no text: it could not be written anywhere.
    whole = [" ".join(each.encode("utf-8", "replace").decode().split()) for each in found]
    return whole if [" ".join(each.split()) for each in found] == whole else None
