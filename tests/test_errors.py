from __future__ import annotations

import pickle

import pytest

from clara.errors import AudioError, ClaraError, MissingExtraError, UnknownNameError


@pytest.mark.parametrize(
    "error",
    [
        MissingExtraError("reading 'a.webm'", "video"),
        UnknownNameError("corpus", "esc_50", ["esc50"]),
        AudioError("Expected a recording in 'a', but it is empty.", cause="it is empty"),
    ],
)
def test_errors_cross_processes(error: ClaraError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["esc50"], "did you mean 'esc50'?"),
        (["a", "b"], "there are: a, b."),
        ([], "there is none."),
    ],
)
def test_what_is_not_there_is_told_with_what_is(known: list[str], hint: str) -> None:
    assert str(UnknownNameError("corpus", "esc_50", known)) == (
        f"There is no corpus named 'esc_50'; {hint}"
    )
