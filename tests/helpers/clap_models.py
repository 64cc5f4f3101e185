"""Small CLAPs with random weights, saved as transformers saves the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

RATE = 8000
SECONDS = 2
DIM = 12


def save_clap(folder: Path, *, fusion: bool = False, seed: int = 0) -> Path:
    """A folder of a `ClapModel`: it hears 2 s at 8 kHz, and has 40 positions for words."""
    import transformers

    library: Any = transformers
    text = {
        "vocab_size": 300,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 42,
        "initializer_factor": 20.0,
    }
    audio = {
        "num_mel_bins": 64,
        "spec_size": 256,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "patch_embeds_hidden_size": 8,
        "enable_fusion": fusion,
        "fusion_type": "aff_2d" if fusion else None,
        "initializer_factor": 20.0,
        "aff_block_r": 2,
    }
    config = library.ClapConfig(text_config=text, audio_config=audio, projection_dim=DIM)
    torch.manual_seed(seed)
    library.ClapModel(config).save_pretrained(folder)
    extractor = library.ClapFeatureExtractor(
        sampling_rate=RATE,
        max_length_s=SECONDS,
        hop_length=80,
        frequency_max=4000,
        truncation="fusion" if fusion else "rand_trunc",
    )
    library.ClapProcessor(extractor, roberta_tokenizer()).save_pretrained(folder)
    return folder


def save_sentence_transformer(folder: Path, clap: Path) -> Path:
    """The CLAP of a folder, as sentence-transformers saves it."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(clap), device="cpu", local_files_only=True)
    model.save(str(folder), create_model_card=False)
    return folder


def roberta_tokenizer() -> Any:
    """RoBERTa's tokenizer, with no words longer than a byte."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    signs = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens = Tokenizer(models.BPE({sign: number for number, sign in enumerate(signs)}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    library: Any = transformers
    return library.RobertaTokenizerFast(
        tokenizer_object=tokens,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=40,
    )
