"""The client of a chat server: against a real server process, through all that it may do."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from clara.backends.llm import LLM, LLMConfig
from clara.errors import DataError, UsageError

SHOUT = "Shout it."


def good(_text: str, _answer: str) -> str:
    return ""


def llm(chat, cache=None, **settings):
    given = {"model": "tiny", "batch": 4, "wait": 0.02, "timeout": 5.0} | settings
    return LLM(LLMConfig(url=chat if isinstance(chat, str) else chat.url, **given), cache)


def balanced(client: LLM) -> bool:
    counts = client.counts
    return counts.texts == counts.cached + counts.answered + counts.lost.total()


def test_texts_are_answered_in_order_in_batches_each_once(chat):
    client = llm(chat)
    texts = [f"text {number % 10}" for number in range(30)]
    assert client.map(SHOUT, texts, good) == [text.upper() for text in texts]
    assert client.counts.requests == len(chat.log) == 3
    assert client.counts.texts == client.counts.answered == 10
    assert client.counts.tokens == 30
    assert balanced(client)
    assert client.map(SHOUT, [], good) == []
    assert "10 of 10 texts answered" in client.counts.summary()


def test_it_speaks_the_protocol(chat):
    llm(chat, seed=7).map(SHOUT, ["zażółć \u202e {x}", 'a "b"'], good)
    (request,) = chat.log
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Content-Type"] == "application/json"
    body = request["body"]
    assert (body["model"], body["seed"], body["temperature"]) == ("tiny", 7, 0)
    system, user = body["messages"]
    assert system["role"] == "system"
    assert system["content"].startswith(SHOUT)
    assert user["role"] == "user"
    assert json.loads(user["content"]) == ["zażółć \u202e {x}", 'a "b"']


def test_answers_are_kept_on_disk_by_what_they_depend_on(chat, tmp_path):
    cache = tmp_path / "new" / "answers.db"
    assert llm(chat, cache).map(SHOUT, ["a", "b"], good) == ["A", "B"]
    again = llm(chat, cache)
    assert again.map(SHOUT, ["b", "a"], good) == ["B", "A"]
    assert (again.counts.requests, again.counts.cached) == (0, 2)
    assert len(chat.log) == 1
    for other in (llm(chat, cache, model="large"), llm(chat, cache, seed=1)):
        other.map(SHOUT, ["a"], good)
    llm(chat, cache).map("Whisper it.", ["a"], good)
    assert len(chat.log) == 4
    # An answer that was good enough once is judged again.
    strict = llm(chat, cache, tries=1)
    assert strict.map(SHOUT, ["a"], lambda text, answer: "is loud") == [None]
    assert strict.counts.lost == {"the answer is loud": 1}


def test_processes_share_a_cache(chat, tmp_path):
    code = (
        "import sys; from clara.backends.llm import LLM, LLMConfig;"
        f"c = LLM(LLMConfig(url={chat.url!r}, model='tiny', batch=1), sys.argv[1]);"
        "print(c.map('x', [str(i) for i in range(20)], lambda t, a: '').count(None))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "answers.db")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert [each.communicate(timeout=60)[0].strip() for each in running] == [b"0"] * 3
    client = llm(chat, tmp_path / "answers.db")
    client.map("x", [str(i) for i in range(20)], good)
    assert client.counts.cached == 20


def test_what_was_answered_before_a_crash_is_not_asked_again(chat, tmp_path):
    chat.plan({}, {}, {"status": 401})
    client = llm(chat, tmp_path / "answers.db", batch=1, at_once=1)
    with pytest.raises(UsageError):
        client.map(SHOUT, list("abcd"), good)
    chat.plan()
    client = llm(chat, tmp_path / "answers.db", batch=1)
    assert client.map(SHOUT, list("abcd"), good) == list("ABCD")
    assert client.counts.cached == 2


def test_a_server_that_names_the_time_is_waited_for(chat):
    chat.plan({"status": 429, "headers": {"Retry-After": "0.4"}}, {})
    client = llm(chat, wait=0.001)
    assert client.map(SHOUT, ["a"], good) == ["A"]
    first, second = (request["time"] for request in chat.log)
    assert 0.4 <= second - first < 3
    assert (client.counts.requests, client.counts.retries) == (2, 1)


@pytest.mark.parametrize(
    "value",
    [
        *("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 99999999999999 07:28:00 GMT"),
        *("soon", "nan", "-3", "", "\xff"),
    ],
)
def test_odd_times_to_wait_do_no_harm(chat, value):
    chat.plan({"status": 503, "headers": {"Retry-After": value}}, {})
    assert llm(chat).map(SHOUT, ["a"], good) == ["A"]


def test_tries_are_further_and_further_apart(chat):
    chat.plan({"status": 500})
    client = llm(chat, wait=0.1, tries=4)
    assert client.map(SHOUT, ["a"], good) == [None]
    assert client.counts.lost == {"the server fails (500)": 1}
    times = [request["time"] for request in chat.log]
    for number, (before, after) in enumerate(pairwise(times)):
        assert 0.05 * 2**number <= after - before < 0.1 * 2**number + 2
    assert len({request["body"]["seed"] for request in chat.log}) == 4


@pytest.mark.parametrize(
    "step",
    [
        {"status": 500},
        {"status": 429},
        {"drop": True},
        {"slow": 1.5},
        {"body": "<html>gateway</html>"},
        {"body": "[]"},
        {"body": '{"choices": [{"message": {"content": null}}]}'},
        {"body": "[" * 100_000},
        {"content": "Sure! Here you are: A, B"},
        {"content": '["A"]'},
        {"content": '["A", 2]'},
        {"content": '["A", "\\ud800"]'},
    ],
    ids=lambda step: str(step)[:40],
)
def test_what_passes_by_itself_is_tried_again(chat, step):
    chat.plan(step, {})
    client = llm(chat, timeout=0.7)
    assert client.map(SHOUT, ["a", "b"], good) == ["A", "B"]
    assert client.counts.retries == 1
    assert not client.counts.lost
    assert balanced(client)


def test_a_fence_around_the_array_is_let_pass(chat):
    chat.plan({"content": '```json\n["A",\n "B  b"]\n```'})
    assert llm(chat).map(SHOUT, ["a", "b"], good) == ["A", "B b"]


def test_a_server_that_drips_is_too_slow_as_a_whole(chat):
    chat.plan({"drip": 0.1})
    client = llm(chat, timeout=0.4, tries=1)
    start = time.monotonic()
    assert client.map(SHOUT, ["a"], good) == [None]
    assert time.monotonic() - start < 2
    assert client.counts.lost == {"the server is too slow": 1}


OK = "HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ({"raw": OK + "X: ", "again": "a", "pause": 0.05}, "the server is too slow"),
        (
            {"raw": "", "again": "HTTP/1.1 100 Continue\r\n\r\n", "pause": 0.05},
            "the server is too slow",
        ),
        (
            {"raw": OK + "Transfer-Encoding: chunked\r\n\r\n", "again": "0", "pause": 0.05},
            "the server is too slow",
        ),
        ({"raw": OK + "\r\n", "again": " " * 65536}, "the server answers without end"),
        ({"raw": OK + "X: ", "again": "a" * 65536}, "the server does not answer"),
        ({"raw": OK, "again": "X: y\r\n" * 99}, "the server does not answer"),
        ({"raw": OK + "Content-Length: 900\r\n\r\n{"}, "the server answers no completion"),
        ({"raw": OK + "Transfer-Encoding: chunked\r\n\r\n99\r\n{"}, "the server does not answer"),
        ({"raw": "\x00\xff nonsense\r\n\r\n"}, "the server does not answer"),
        ({"raw": "HTTP/1.1 999 Odd\r\n\r\n"}, "the server refuses the request (999)"),
    ],
    ids=lambda each: each[:25] if isinstance(each, str) else "",
)
def test_what_is_no_answer_ends_in_time_and_is_none(chat, step, cause):
    chat.plan(step)
    client = llm(chat, timeout=0.6, tries=1)
    start = time.monotonic()
    # What says nothing is no answer even for a check that lets everything pass.
    assert client.map(SHOUT, ["a", "b"], good) == [None, None]
    assert time.monotonic() - start < 4
    assert client.counts.lost == {cause: 2}
    assert balanced(client)


def test_a_server_that_is_found_too_late_is_too_slow(chat, monkeypatch):
    """There is nothing to cut yet when its time is up."""
    found = socket.getaddrinfo

    def late(*asked, **more):
        time.sleep(0.4)
        return found(*asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    chat.plan({"raw": OK + "X: ", "again": "a", "pause": 0.05})
    client = llm(chat, timeout=0.2, tries=1)
    start = time.monotonic()
    assert client.map(SHOUT, ["a"], good) == [None]
    assert time.monotonic() - start < 4
    assert client.counts.lost == {"the server is too slow": 1}


def test_a_server_that_is_down_costs_little_and_is_counted(dead_chat):
    client = llm(dead_chat, batch=1, at_once=1, tries=2)
    assert client.map(SHOUT, [str(number) for number in range(1000)], good) == [None] * 1000
    assert client.counts.requests == 6
    assert client.counts.lost == {"the server does not answer": 1000}
    assert balanced(client)
    client.map(SHOUT, ["x"], good)
    assert client.counts.requests == 8, "each list gives the server a new chance"


def test_what_is_wrong_in_company_is_asked_alone(chat):
    chat.plan(table={"c": ""})
    client = llm(chat, tries=2)
    check = lambda text, answer: "" if answer else "is empty"  # noqa: E731
    assert client.map(SHOUT, list("abcd"), check) == ["A", "B", None, "D"]
    assert client.counts.requests == 3
    assert client.counts.lost == {"the answer is empty": 1}
    chat.plan({"content": "no array"}, {"content": "no array"}, {})
    assert client.map(SHOUT, list("wxyz"), check) == list("WXYZ")
    assert len(chat.log) == 6
    chat.plan({"status": 400}, {})
    assert client.map(SHOUT, list("mno"), check) == list("MNO")
    assert len(chat.log) == 4, "what is refused is not tried as it is"
    assert balanced(client)


def test_budgets_are_kept(chat):
    client = llm(chat, batch=1, requests=3)
    found = client.map(SHOUT, list("abcdef"), good)
    assert found.count(None) == 3
    assert len(chat.log) == client.counts.requests == 3
    assert client.counts.lost == {"the budget of requests is spent": 3}
    client = llm(chat, batch=1, at_once=1, tokens=25)
    assert client.map(SHOUT, list("abcdef"), good).count(None) == 3
    assert client.counts.tokens == 30
    assert client.counts.lost == {"the budget of tokens is spent": 3}


def test_processes_and_later_runs_share_the_budget_of_a_run(chat, tmp_path):
    code = (
        "import sys; from clara.backends.llm import LLM, LLMConfig;"
        f"config = LLMConfig(url={chat.url!r}, model='tiny', batch=1, requests=10);"
        "c = LLM(config, None, sys.argv[1]);"
        "print(c.map('x', [str(i) for i in range(9)], lambda t, a: '').count(None))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert sum(int(each.communicate(timeout=60)[0]) for each in running) == 17
    assert len(chat.log) == 10
    later = LLM(LLMConfig(url=chat.url, model="tiny", requests=11), None, tmp_path / "run")
    assert later.map(SHOUT, ["a"], good) == ["A"], "of a larger budget something is left"
    assert later.map(SHOUT, ["b"], good) == [None]
    assert later.counts.lost == {"the budget of requests is spent": 1}
    tokens = LLM(LLMConfig(url=chat.url, model="tiny", tokens=20), None, tmp_path / "tokens")
    assert [tokens.map(SHOUT, [text], good) for text in "abc"] == [["A"], ["B"], [None]]
    again = LLM(LLMConfig(url=chat.url, model="tiny", tokens=20), None, tmp_path / "tokens")
    assert again.map(SHOUT, ["d"], good) == [None]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "spent.sqlite").write_text("no table of what is spent" * 100)
    with pytest.raises(DataError, match="count of what is spent"):
        LLM(LLMConfig(url=chat.url, model="tiny", tokens=20), None, tmp_path / "bad")


@pytest.mark.parametrize("counted", [0, -5_000, None, 10**30])
def test_tokens_that_a_server_counts_wrongly_are_charged_all_the_same(chat, counted):
    body = {"choices": [{"message": {"content": '["A"]'}}], "usage": {"total_tokens": counted}}
    chat.plan({"body": json.dumps(body)})
    client = llm(chat)
    assert client.map(SHOUT, ["a"], good) == ["A"]
    assert 0 < client.counts.tokens < 1000


def test_tokens_that_a_server_does_not_count_are_charged_all_the_same(chat):
    chat.plan({"body": '{"choices": [{"message": {"content": "[\\"A\\"]"}}]}'})
    client = llm(chat)
    assert client.map(SHOUT, ["a"], good) == ["A"]
    assert client.counts.tokens > 0


def test_only_so_many_requests_are_under_way(chat):
    chat.plan({"slow": 0.1})
    llm(chat, batch=1, at_once=3).map(SHOUT, list("abcdefghi"), good)
    assert 1 < max(request["at_once"] for request in chat.log) <= 3


def test_the_key_is_sent_and_nowhere_told(chat, monkeypatch, capfd):
    monkeypatch.setenv("MY_KEY", " sk-secret\n")
    client = llm(chat, key="MY_KEY")
    client.map(SHOUT, ["a"], good)
    assert chat.log[0]["headers"]["Authorization"] == "Bearer sk-secret"
    chat.plan({"status": 401, "body": "bad key sk-secret"})
    with pytest.raises(UsageError, match="refuses the key") as error:
        client.map(SHOUT, ["b"], good)
    told = f"{error.value!r} {client!r} {client.config!r} {client.counts!r} {capfd.readouterr()}"
    assert "sk-secret" not in told
    monkeypatch.delenv("MY_KEY")
    chat.plan()
    llm(chat, key="MY_KEY").map(SHOUT, ["a"], good)
    assert "Authorization" not in chat.log[0]["headers"]
    monkeypatch.setenv("MY_KEY", "a\r\nX-Other: b")
    with pytest.raises(UsageError, match="plain characters"):
        llm(chat, key="MY_KEY")


def test_no_redirection_is_followed_with_the_key(chat, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    other = f"{chat.url}/elsewhere"
    for status in (301, 302, 307, 308):
        chat.plan({"status": status, "headers": {"Location": other}})
        with pytest.raises(UsageError, match=f"answers {status}"):
            llm(chat).map(SHOUT, ["a"], good)
        assert len(chat.log) == 1


def test_a_model_that_is_not_there_is_a_mistake_of_the_user(chat):
    chat.plan({"status": 404})
    with pytest.raises(UsageError, match="model 'tiny'"):
        llm(chat).map(SHOUT, ["a"], good)
    assert len(chat.log) == 1


@pytest.mark.parametrize("setting", [{"batch": 0}, {"at_once": 0}, {"tries": 0}, {"timeout": 0.0}])
def test_numbers_that_make_no_sense_are_refused(chat, setting):
    with pytest.raises(UsageError, match="at least one"):
        llm(chat, **setting)


def test_addresses_of_other_kinds_are_refused():
    for url in ("file:///etc/passwd", "localhost:8000", ""):
        with pytest.raises(UsageError, match="address of a server"):
            llm(url)


def test_a_cache_that_is_none_is_refused_in_one_sentence(chat, tmp_path):
    (tmp_path / "notes.txt").write_text("not a table of answers, and longer than its head" * 100)
    with pytest.raises(DataError, match="cache of answers"):
        llm(chat, tmp_path / "notes.txt")
    with pytest.raises(DataError, match="cache of answers"):
        llm(chat, tmp_path)
    with pytest.raises(DataError, match="cache of answers"):
        llm(chat, tmp_path / "notes.txt" / "below.db")


def test_texts_that_are_no_text_go_through(chat):
    texts = ["\ud800", "\0", "a" * 100_000, "  ", '"]', "{}"]
    found = llm(chat, batch=1).map(SHOUT, texts, good)
    assert found[2] == "A" * 100_000
    assert found[4:] == ['"]', "{}"]


def test_a_certificate_that_is_not_trusted_is_told_of(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, shown = tmp_path / "key.pem", tmp_path / "shown.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    made = [*command.split(), "-keyout", str(key), "-out", str(shown)]
    subprocess.run(made, check=True, capture_output=True)
    code = (
        "import http.server, ssl, sys;"
        "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler);"
        "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(*sys.argv[1:]);"
        "s.socket = c.wrap_socket(s.socket, server_side=True);"
        "print(s.server_port, flush=True); s.serve_forever()"
    )
    command = [sys.executable, "-c", code, str(shown), str(key)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        port = int(server.stdout.readline())
        with pytest.raises(UsageError, match=r"certificate.*self.signed"):
            llm(f"https://localhost:{port}/v1", tries=1).map(SHOUT, ["a"], good)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
