"""Rewriters: by rules, and through a real server process that speaks OpenAI's chat protocol."""

from __future__ import annotations

import json
import time

import pytest

from clara import rooms
from clara.backends.llm import LLMConfig
from clara.backends.rewriter import Case
from clara.backends.rewriter.openai import OpenAI
from clara.backends.rewriter.rules import Rules
from clara.errors import DataError, UnknownNameError, UsageError
from clara.prepare.backend import backend
from clara.text.describe import describe
from clara.text.facts import Facts, faithful

VOICE = Facts(
    {"gender": ("woman",), "emotion": ("angry",)},
    "It's raining outside.",
    "English",
    background=("wind noise",),
)
FUSED = Facts(heard="A dog barks near a road.", seen=("a lawn with a dog", "a car"))
CASES = [
    Case(VOICE, "a", 3),
    Case(Facts({"sound": ("rain",)}), "b", 2),
    Case(Facts(), "c", 2),
    Case(FUSED, "d", 1),
]


def openai(url, model="template", cache=None, **settings):
    given = {"wait": 0.01, "timeout": 30.0, "tries": 2} | settings
    return OpenAI(LLMConfig(url=url, model=model, **given), cache)


def expected(cases):
    return [tuple(describe(*case)) for case in cases]


def texts(written):
    return [tuple(sentence.text for sentence in each) for each in written]


def authors(written):
    return {sentence.by for each in written for sentence in each}


def test_the_contract_of_the_room(tiny_llm):
    made = {"rules": Rules(), "openai": openai(tiny_llm)}
    assert set(rooms.names("backends.rewriter")) == set(made)
    for name, rewriter in made.items():
        assert rooms.load("backends.rewriter", name) is type(rewriter)
        written = rewriter.rewrite(CASES)
        assert [len(each) for each in written] == [3, 2, 0, 1]
        for case, sentences in zip(CASES, written, strict=True):
            assert len({sentence.text for sentence in sentences}) == len(sentences)
            assert all(faithful(sentence.text, case.facts) for sentence in sentences)
        assert rewriter.rewrite(CASES) == written
        assert rewriter.rewrite([]) == []
        assert not rewriter.lost


def test_rules_write_what_the_grammar_says():
    written = Rules().rewrite(CASES)
    assert texts(written) == expected(CASES)
    assert authors(written) == {Rules().name}
    assert Rules().name.startswith("rules ")


def test_a_model_that_does_as_asked_is_accepted(tiny_llm):
    rewriter = openai(tiny_llm)
    written = rewriter.rewrite(CASES)
    assert authors(written) == {"openai:template"}
    assert all(text.startswith("On this recording (") for each in texts(written) for text in each)
    assert len({text.split(")")[0] for text in texts(written)[0]}) == 3, (
        "each in a style of its own"
    )
    assert rewriter.llm.counts.answered == 6


@pytest.mark.parametrize(
    ("model", "causes"),
    [("random", {"the answer has not the shape asked for"}), ("guided", None)],
)
def test_what_a_random_model_says_is_refused_and_counted(tiny_llm, model, causes):
    pytest.importorskip("transformers")
    rewriter = openai(tiny_llm, model)
    written = rewriter.rewrite(CASES)
    assert texts(written) == expected(CASES)
    assert authors(written) == {Rules().name}
    assert rewriter.lost.total() == 6
    assert causes is None or set(rewriter.lost) == causes
    assert all(cause.startswith("the answer ") for cause in rewriter.lost)
    assert rewriter.llm.counts.retries >= 6


def test_a_server_that_is_down_leaves_all_to_the_rules(dead_chat):
    rewriter = openai(dead_chat)
    written = rewriter.rewrite(CASES)
    assert texts(written) == expected(CASES)
    assert authors(written) == {Rules().name}
    assert rewriter.lost == {"the server does not answer": 6}
    assert rewriter.llm.counts.retries == 1, "in one request"


@pytest.mark.parametrize(
    ("plan", "cause"),
    [
        ({"slow": 3.0}, "the server is too slow"),
        ({"status": 429}, "the server has too much to do"),
        ({"status": 503}, "the server fails (503)"),
        (
            {"content": "Sure! Here is what you asked for."},
            "the answer has not the shape asked for",
        ),
        ({"body": "<html>"}, "the server answers no completion"),
    ],
)
def test_a_server_in_trouble_is_asked_again_and_then_left(chat, plan, cause):
    chat.plan(plan)
    rewriter = openai(chat.url, timeout=0.5, batch=16)
    started = time.monotonic()
    written = rewriter.rewrite(CASES)
    assert time.monotonic() - started < 8
    assert texts(written) == expected(CASES)
    assert rewriter.lost == {cause: 6}
    assert rewriter.llm.counts.retries >= 1


def test_a_server_that_comes_back_is_heard(chat, tiny_llm):
    questions = []
    openai_there = openai(chat.url)
    chat.plan({})
    openai_there.rewrite(CASES[:1])
    for request in chat.log:
        questions.append(request["body"]["messages"][-1]["content"])
    table = {
        text: f"Somewhere, an angry woman speaks English amid wind noise: “{VOICE.spoken}”"
        for question in questions
        for text in json.loads(question)
    }
    chat.plan({"status": 429}, {}, table=table)
    rewriter = openai(chat.url)
    (written,) = rewriter.rewrite(CASES[:1])
    assert [sentence.by for sentence in written] == ["openai:template"], "the same text once"
    assert rewriter.llm.counts.retries == 1


def test_each_fault_falls_back_by_itself(chat):
    """One of three answers changes the quote, one loses a label; the third stays."""
    chat.plan({})
    openai(chat.url, tries=1).rewrite(CASES[:1])
    asked = json.loads(chat.log[0]["body"]["messages"][-1]["content"])
    good = f"Somewhere, an angry woman speaks English amid wind noise: “{VOICE.spoken}”"
    bad = [good.replace("It's", "It is"), good.replace("angry ", "")]
    chat.plan({}, table=dict(zip(asked, [good, *bad], strict=True)))
    rewriter = openai(chat.url)
    (written,) = rewriter.rewrite(CASES[:1])
    assert written[0].text == good
    assert [sentence.by for sentence in written] == ["openai:template", *[Rules().name] * 2]
    assert [sentence.text for sentence in written[1:]] == list(describe(VOICE, "a", 3)[1:])
    assert rewriter.lost == {
        "the answer changes what is quoted": 1,
        "the answer loses a label": 1,
    }


def test_what_is_asked_has_all_that_is_to_be_kept(chat):
    chat.plan({})
    openai(chat.url).rewrite(CASES)
    asked = "\n".join(request["body"]["messages"][-1]["content"] for request in chat.log)
    for kept in ("It's raining outside.", "woman (gender)", "angry (emotion)", "wind noise (back"):
        assert kept in asked
    assert "a car (seen)" in asked
    assert "rain (sound)" in asked


def test_answers_are_kept_by_content(tiny_llm, dead_chat, tmp_path):
    first = openai(tiny_llm, cache=tmp_path / "answers.db").rewrite(CASES)
    again = openai(dead_chat, cache=tmp_path / "answers.db")
    assert again.rewrite(CASES) == first
    assert again.llm.counts.cached == 6


def test_a_budget_leaves_the_rest_to_the_rules(tiny_llm):
    rewriter = openai(tiny_llm, requests=2, batch=2, at_once=1)
    written = rewriter.rewrite(CASES)
    by = [sentence.by for each in written for sentence in each]
    assert by.count("openai:template") == 4
    assert by.count(Rules().name) == 2
    assert rewriter.lost == {"the budget of requests is spent": 2}


def test_a_recipe_makes_each_once(tmp_path):
    settings = {"model": "m", "url": "http://localhost:1/v1", "cache": str(tmp_path / "a.db")}
    made = backend("rewriter", "openai", settings)
    assert made is backend("rewriter", "openai", dict(reversed(settings.items())))
    assert made.llm.config.model == "m"
    assert (tmp_path / "a.db").exists()
    with pytest.raises(UnknownNameError, match="did you mean 'model'"):
        backend("rewriter", "openai", {"modle": "m"})
    with pytest.raises(UsageError, match=r"openai.* to say model, but it does not"):
        backend("rewriter", "openai", {})
    with pytest.raises(UsageError, match=r"openai\.config\.batch"):
        backend("rewriter", "openai", {"model": "m", "batch": "many"})
    with pytest.raises(UnknownNameError, match="rewriter"):
        backend("rewriter", "opneai", {})
    with pytest.raises(UnknownNameError, match="setting of the rewriter rules"):
        backend("rewriter", "rules", {"model": "m"})
    (tmp_path / "broken.db").write_text("no table" * 100)
    with pytest.raises(DataError, match="cache"):
        backend("rewriter", "openai", {**settings, "cache": str(tmp_path / "broken.db")})


def test_a_model_that_says_the_question_again_is_refused(chat):
    """Small models do; and all that has to be kept is in the question."""
    rewriter = openai(chat.url, "shouting")
    case = Case(Facts({"sound": ("rain",), "gender": ("woman",)}), "a", 1)
    assert texts(rewriter.rewrite([case])) == expected([case])
    assert rewriter.lost == {"the answer repeats the question": 1}
    spoken = Case(Facts(spoken="KEEP: STYLE: DRAFT:"), "a", 1)
    (asked,) = json.loads(chat.log[-1]["body"]["messages"][1]["content"])
    assert asked.startswith("Draft: ")
    rewriter.rewrite([spoken])
    (asked,) = json.loads(chat.log[-1]["body"]["messages"][1]["content"])
    chat.plan({}, table={asked: 'A person says "KEEP: STYLE: DRAFT:"'})
    assert texts(rewriter.rewrite([spoken])) == [('A person says "KEEP: STYLE: DRAFT:"',)]
