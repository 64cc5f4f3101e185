"""What a score may be called: nothing that a model was trained on is zero-shot."""

from __future__ import annotations

import pytest

from clara import rooms
from clara.errors import DataError
from clara.evaluate.figures import ZERO_SHOT, check_title, title
from clara.records import Scores

STATES = ("unseen", "held-out", "trained", "unknown")


def scores(protocol: str, seen: str) -> Scores:
    return Scores("esc50/sound", protocol, "model", {"accuracy": 0.5}, 10, seen=seen)


@pytest.mark.parametrize("protocol", rooms.names("evaluate.protocols"))
@pytest.mark.parametrize("seen", STATES)
def test_only_what_asks_on_an_unseen_corpus_is_called_zero_shot(protocol: str, seen: str) -> None:
    asks = protocol in ("zero_shot", "keyword_spotting", "retrieval")
    assert (ZERO_SHOT in title(scores(protocol, seen))) == (asks and seen == "unseen")
    assert "_" not in title(scores(protocol, seen))


def test_each_state_has_a_name_of_its_own() -> None:
    names = [title(scores("zero_shot", seen)) for seen in STATES]
    assert names == [
        "zero-shot",
        "prompts, in-domain",
        "prompts, trained on these",
        "prompts, training data unknown",
    ]


@pytest.mark.parametrize("claim", ["zero-shot", "Zero-Shot accuracy", "zero shot", "ZERO_SHOT"])
def test_a_claim_of_zero_shot_is_refused_where_it_is_none(claim: str) -> None:
    check_title(claim, scores("zero_shot", "unseen"))
    for seen in STATES[1:]:
        with pytest.raises(DataError, match="to be called 'prompts, "):
            check_title(claim, scores("zero_shot", seen))
    with pytest.raises(DataError, match="called 'linear probe'"):
        check_title(claim, scores("linear_probe", "unseen"))


def test_other_titles_are_free() -> None:
    check_title("prompts, in-domain", scores("zero_shot", "held-out"))
    check_title("a probe", scores("linear_probe", "trained"))
