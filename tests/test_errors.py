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
