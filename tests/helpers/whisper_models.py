"""Whisper models of a few thousand random weights, saved in the formats of the real ones."""

from __future__ import annotations

from pathlib import Path

SECONDS = 30


def transformers_model(
    folder: Path, *, seed: int = 0, heads: bool = True, many: bool = True
) -> None:
    """Writes a checkpoint of transformers: text is spelt in bytes."""
    import torch
    import transformers
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    tokenizer = transformers.WhisperTokenizer(vocab=_letters(), merges=[])
    start = "<|startoftranscript|>"
    codes = [f"<|{tag}|>" for tag in LANGUAGES]
    tasks = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    special = [start, *codes, *tasks, "<|nospeech|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens([f"<|{step * 0.02:.2f}|>" for step in range(50 * SECONDS + 1)])
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    end = tokenizer.eos_token_id
    ids = dict(zip(special, tokenizer.convert_tokens_to_ids(special), strict=True))
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=ids[start],
        begin_suppress_tokens=[end],
        suppress_tokens=list(range(end + 1, len(tokenizer))),
    )
    torch.manual_seed(seed)
    model = transformers.WhisperForConditionalGeneration(config)
    with torch.no_grad():
        # What it says follows from where it is, or else it would say one letter for ever.
        model.model.decoder.embed_positions.weight.mul_(50)
        likely = [*tokenizer.convert_tokens_to_ids(list("abcdefgĠ")), end]
        model.model.decoder.embed_tokens.weight[likely] *= 30
    settings = model.generation_config
    settings._from_model_config = False  # as of models whose settings were made by hand
    settings.no_timestamps_token_id = ids["<|notimestamps|>"]
    settings.is_multilingual = many
    settings.max_length = 100
    if many:
        settings.lang_to_id = {code: ids[code] for code in codes}
        settings.task_to_id = {
            "transcribe": ids["<|transcribe|>"],
            "translate": ids["<|translate|>"],
        }
    if heads:
        settings.alignment_heads = [[0, 0], [1, 1]]
    model.save_pretrained(folder)


def ctranslate_model(folder: Path, source: Path) -> None:
    """Converts a checkpoint as the program does that people convert them with."""
    from ctranslate2.converters import TransformersConverter

    files = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(source), copy_files=files).convert(str(folder))


def _letters() -> dict[str, int]:
    """The characters that stand for bytes in vocabularies of GPT-2, and the end of texts."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    signs = [*map(chr, plain), *(chr(256 + place) for place in range(len(others)))]
    # By the empty one, CTranslate2 knows a model of many languages.
    return {sign: label for label, sign in enumerate([*signs, "", "<|endoftext|>"])}
