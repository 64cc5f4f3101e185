"""Every translator keeps the contract: the table, a chat server, M2M100 and NLLB."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clara import rooms
from clara.audio.threads import one_core
from clara.backends.llm import LLMConfig
from clara.backends.translator.m2m100 import M2M100
from clara.backends.translator.nllb import FLORES, NLLB
from clara.backends.translator.openai import OpenAI, fault
from clara.backends.translator.table import Table
from clara.errors import CheckpointError, MissingExtraError, UnknownNameError
from clara.text import phrases
from clara.text.multilingual import known_labels, languages, prompts

SAME = {
    "en": ("dog", "cat", "rain", "wind"),
    "pl": ("pies", "kot", "deszcz", "wiatr"),
    "de": ("Hund", "Katze", "Regen", "Wind"),
}
CODES = {"en": "eng_Latn", "pl": "pol_Latn", "de": "deu_Latn"}


def _pieces(folder: Path) -> list[str]:
    """A sentencepiece model of the words above, in the folder; its pieces without the specials."""
    import sentencepiece

    lines = [word for words in SAME.values() for word in (*words, " ".join(words))] * 40
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=70,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "sentencepiece.bpe.model")
    )
    return [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]


def _train(tokenizer: Any, code: Callable[[str], str], folder: Path) -> None:
    """A network of the real class that knows the words above, saved in the real format."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = M2M100Config(
            vocab_size=300,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=48,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            init_std=0.1,
        )
        network = M2M100ForConditionalGeneration(config)
        rows: list[list[Any]] = [[], []]
        for source, target in (("en", "pl"), ("en", "de"), ("pl", "de")):
            for pair in zip(SAME[source], SAME[target], strict=True):
                for row, language, word in zip(rows, (source, target), pair, strict=True):
                    tokenizer.src_lang = code(language)
                    row.append(torch.tensor(tokenizer(word).input_ids))
        inputs, outputs = (
            torch.nn.utils.rnn.pad_sequence(row, batch_first=True, padding_value=1) for row in rows
        )
        # The token of the language to translate into is given, and nothing to be learnt.
        start = torch.full((len(outputs), 1), config.decoder_start_token_id)
        seen = torch.cat([start, outputs[:, :-1]], dim=1)
        labels = outputs.masked_fill(outputs == config.pad_token_id, -100)
        labels[:, 0] = -100
        mask = (inputs != config.pad_token_id).long()
        optimiser = torch.optim.Adam(network.parameters(), 5e-3, betas=(0.9, 0.98))
        for _ in range(600):
            loss = network(
                input_ids=inputs, attention_mask=mask, decoder_input_ids=seen, labels=labels
            ).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if loss < 0.03:
                break
    network.save_pretrained(folder)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def m2m100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import M2M100Tokenizer

    folder: Path = tmp_path_factory.mktemp("m2m100")
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *_pieces(folder)]
    text = json.dumps({piece: number for number, piece in enumerate(vocabulary)})
    (folder / "vocab.json").write_text(text)
    model = str(folder / "sentencepiece.bpe.model")
    _train(M2M100Tokenizer(str(folder / "vocab.json"), model), str, folder)
    return folder


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    folder: Path = tmp_path_factory.mktemp("nllb")
    _pieces(folder)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "NllbTokenizer"}')
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, extra_special_tokens=FAIRSEQ_LANGUAGE_CODES
    )
    _train(tokenizer, CODES.__getitem__, folder)
    return folder


@pytest.fixture(scope="module", params=["m2m100", "nllb"])
def model(request: pytest.FixtureRequest) -> Any:
    kind = {"m2m100": M2M100, "nllb": NLLB}[request.param]
    return kind(str(request.getfixturevalue(request.param)), batch=3)


def test_the_room_is_known():
    assert rooms.names("backends.translator") == ["m2m100", "nllb", "openai", "table"]
    for name in rooms.names("backends.translator"):
        assert callable(rooms.load("backends.translator", name).translate)


@pytest.mark.parametrize(("source", "target"), [("en", "pl"), ("en", "de"), ("pl", "de")])
def test_a_network_translates_what_it_learnt(model, source, target):
    found = model.translate(SAME[source] * 2, source=source, target=target)
    assert found == list(SAME[target]) * 2
    assert model.translate(SAME[source][1:2], source=source, target=target) == [SAME[target][1]]


def test_batch_and_beams_change_no_answer(m2m100):
    for batch, beams in ((1, 1), (5, 1), (2, 3)):
        narrow = M2M100(str(m2m100), batch=batch, beams=beams)
        assert narrow.translate(SAME["en"], source="en", target="pl") == list(SAME["pl"])


def test_a_network_leaves_what_it_cannot_do(model):
    found = model.translate(["", "dog", " \n", "dog " * 200], source="en", target="pl")
    assert found == ["", "pies", " \n", None]
    assert model.translate([], source="en", target="pl") == []
    assert re.fullmatch(r"(m2m100|nllb):[\w-]+ \(transformers [\d.]+\)", model.name)


def test_a_network_knows_its_languages_by_their_tags(model):
    assert {"en", "pl", "de", "zh", "sw", "nb"} <= set(model.languages())
    assert len(model.languages()) >= 100
    assert model.translate(["dog"], source="en-GB", target="de_AT") == ["Hund"]
    with pytest.raises(UnknownNameError, match="language of"):
        model.translate(["dog"], source="en", target="tlh")
    with pytest.raises(UnknownNameError, match="language of"):
        model.translate(["dog"], source="", target="pl")


def test_codes_of_flores_are_codes_of_flores():
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    assert set(FLORES.values()) <= set(FAIRSEQ_LANGUAGE_CODES)
    assert len(set(FLORES.values())) == 180
    assert set(languages()) <= FLORES.keys()
    twice = {tag for tag, code in FLORES.items() if list(FLORES.values()).count(code) > 1}
    assert twice == {"nb", "no", "ku", "kmr", "qu", "quy", "yue", "zh-HK", "zh-TW", "zh-Hant"}


@pytest.mark.parametrize("kind", [M2M100, NLLB])
def test_a_folder_without_a_model_is_refused(kind, tmp_path):
    with pytest.raises(CheckpointError, match="in the format of transformers"):
        kind(str(tmp_path))
    with pytest.raises(CheckpointError, match="in the format of transformers"):
        kind(str(tmp_path / "absent"))
    (tmp_path / "config.json").write_text('{"model_type": "m2m_100"')
    with pytest.raises(CheckpointError, match="in the format of transformers"):
        kind(str(tmp_path))


def test_weights_that_are_cut_are_refused(m2m100, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(m2m100, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="model of m2m100 in the format of transformers"):
        M2M100(str(folder))


def test_a_model_of_the_other_kind_is_refused(m2m100, nllb):
    with pytest.raises(CheckpointError, match="model of m2m100"):
        M2M100(str(nllb))
    with pytest.raises(CheckpointError, match="model of nllb"):
        NLLB(str(m2m100))


@pytest.mark.parametrize("package", ["transformers", "sentencepiece"])
def test_without_a_package_the_extra_is_named(package, m2m100, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[translate\]"):
        M2M100(str(m2m100))


@pytest.mark.parametrize("language", ["de", "ar", "ja", "tr"])
def test_the_table_translates_labels_and_prompts_and_no_more(language):
    table = Table()
    for kind in ("sound", "emotion", "gender"):
        labels = known_labels(kind)
        asked = [phrases.prompt(kind, label) for label in labels]
        found = table.translate(asked, source="en", target=language)
        assert found == [prompts(kind, label, language)[0] for label in labels]
    free = ["A dog barks while it rains", "", "dogs"]
    assert table.translate(free, source="en-GB", target=language) == [None] * 3


def test_the_table_says_what_it_does_not_know():
    with pytest.raises(UnknownNameError, match="translate from"):
        Table().translate(["pies"], source="pl", target="de")
    with pytest.raises(UnknownNameError, match="tlh"):
        Table().translate(["dog"], source="en", target="tlh")
    assert Table().translate(["DOG "], source="en", target="zh-CN") == ["狗"]


def openai(chat: Any, **settings: Any) -> OpenAI:
    return OpenAI(LLMConfig(url=chat.url, model="tiny", wait=0.01, **settings))


def test_a_chat_server_translates_and_is_told_how(chat):
    chat.plan(table={"rain": "дощ", 'A man saying "hola"': "Чоловік каже: «hola»"})
    translator = openai(chat)
    found = translator.translate(["rain", " ", 'A man saying "hola"'], source="en", target="uk")
    assert found == ["дощ", " ", "Чоловік каже: «hola»"]
    instruction = chat.log[0]["body"]["messages"][0]["content"]
    assert "from English into Ukrainian" in instruction
    assert translator.name == "openai:tiny"


def test_what_a_chat_server_says_is_checked_and_counted(chat):
    wrong = {
        "rain": "rain",
        "wind {x}": "вітер {y}",
        'saying "hola"': "каже «привіт»",
        "sea": "",
        "dog": "собака" + " дуже" * 50,
    }
    chat.plan(table={**wrong, "cat": "кіт"})
    translator = openai(chat, tries=2)
    found = translator.translate([*wrong, "cat"], source="en", target="uk")
    assert found == [None] * 5 + ["кіт"]
    assert translator.llm.counts.lost == {
        "the answer is in the wrong script": 1,
        "the answer changes what is in braces": 1,
        "the answer changes what is quoted": 1,
        "the answer is empty": 1,
        "the answer is much longer than the text": 1,
    }


def test_a_chat_server_that_is_down_translates_nothing(dead_chat):
    translator = OpenAI(LLMConfig(url=dead_chat, model="tiny", wait=0.01, tries=2))
    assert translator.translate(["rain", "wind"], source="en", target="uk") == [None, None]
    assert translator.llm.counts.lost.total() == 2


def test_a_language_without_a_name_is_refused(chat):
    for source, target in (("en", "tlh"), ("", "de")):
        with pytest.raises(UnknownNameError, match="language"):
            openai(chat).translate(["rain"], source=source, target=target)
    assert not chat.log


@pytest.mark.parametrize(
    ("text", "answer", "target", "expected"),
    [
        ("The sound of rain", "Dźwięk deszczu", "pl", ""),
        ("The sound of rain", "雨の音", "ja", ""),
        ("A man saying {x} and {y}", "{y} i {x} mówi mężczyzna", "pl", ""),
        ('A man saying "Добрый день"', "Mężczyzna mówi: „Добрый день”", "pl", ""),
        ('A man saying "hola amigo mío"', "一名男子说：“hola amigo mío”", "zh", ""),
        ("A woman sings along to Beyoncé", "Женщина подпевает песне Beyoncé", "ru", ""),
        ("taxi", "taxi", "de", ""),
        ("3", "3", "ar", ""),
        ("A dog barks in the rain", "A dog barks in the rain", "de", "is the text itself"),
        ("{x}{x}", "{x}", "de", "changes what is in braces"),
        ("rain", "\u00a0", "de", "is empty"),
        ("rain", "Regen", "el", "is in the wrong script"),
    ],
)
def test_faults_of_a_translation(text, answer, target, expected):
    assert fault(text, answer, target) == expected


def test_quotation_marks_around_nothing_are_no_quotation():
    """Many of them took all memory."""
    text = "A hum" + ' " "' * 60
    assert fault(text, "Ein Brummen", "de") == ""
