"""A server that speaks OpenAI's chat protocol in front of tiny models, in a process of its own.

Run as a program it prints its port and serves until it is killed. The models: "template" does what
the rewriter asks for, by a template; "german" does what the translator asks for; "both" does
either; "prose" talks of something else; "random" is a causal language model of transformers with
random weights; "guided" is the same held to a JSON array of as many strings as it was asked, as
some servers do.
"""

from __future__ import annotations

import json
import re
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def template(text: str) -> str:
    """The draft of a question, told in another way."""
    draft = re.match(r"Draft: (.*)\n", text)[1]
    style = re.search(r"^Style: (.*)$", text, re.MULTILINE)[1]
    return f"On this recording ({style}): {draft}"


def german(text: str) -> str:
    """The text, which claims to be German."""
    return f"Auf Deutsch: {text}"


@cache
def language_model() -> Any:
    """A GPT-2 of two small layers over bytes, with random weights."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=256,
        n_positions=1024,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=2.0,
    )
    return GPT2LMHeadModel(config).eval()


def babble(text: str, seed: int) -> str:
    """What the random model says after a text."""
    import torch

    torch.manual_seed(seed)
    prompt = torch.tensor([list(text.encode())[-200:]])
    with torch.inference_mode():
        row = language_model().generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            max_new_tokens=60,
            pad_token_id=0,
        )[0]
    return bytes(row[prompt.shape[1] :].tolist()).decode("latin-1")


class Chat(BaseHTTPRequestHandler):
    """One request."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = asked["messages"][-1]["content"]
        seed = asked["seed"]
        if asked["model"] == "template":
            said = json.dumps([template(text) for text in json.loads(content)])
        elif asked["model"] == "german":
            said = json.dumps([german(text) for text in json.loads(content)])
        elif asked["model"] == "both":
            texts = json.loads(content)
            said = json.dumps([(template if "Draft: " in text else german)(text) for text in texts])
        elif asked["model"] == "prose":
            said = "Sure! Here are your captions."
        elif asked["model"] == "guided":
            said = json.dumps([babble(text, seed) for text in json.loads(content)])
        else:
            said = babble(content, seed)
        message = {"role": "assistant", "content": said}
        body = json.dumps({"choices": [{"message": message}], "usage": {"total_tokens": 9}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    print(server.server_port, flush=True)
    server.serve_forever()
