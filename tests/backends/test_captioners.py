"""Captioners on tiny random models in the real formats, against the libraries used directly."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from importlib.metadata import version

import numpy as np
import pytest

from clara import rooms
from clara.backends.captioner.blip import BLIP
from clara.backends.captioner.coca import CoCa
from clara.errors import CheckpointError, MissingExtraError, UsageError


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sizes = [(48, 64), (33, 17), (200, 90), (1, 1), (3, 40)]
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return [*pictures, np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)]


@pytest.fixture(scope="module")
def coca_folder(tmp_path_factory):
    """A CoCa of two small layers, saved as open_clip saves one."""
    if importlib.util.find_spec("open_clip") is None:
        pytest.skip("open_clip is not installed; it needs an environment of its own")
    import torch
    from safetensors.torch import save_file

    try:
        import open_clip
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"open_clip does not import here: {error}")
    folder = tmp_path_factory.mktemp("coca")
    text = {"context_length": 76, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    config = {
        "embed_dim": 32,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 32,
            "layers": 2,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
            "attentional_pool": True,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
        "text_cfg": {**text, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {**text, "attn_pooler_heads": 2},
    }
    whole = {"model_cfg": config, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    logging.getLogger().setLevel(logging.ERROR)
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4).add_(0.3 * torch.randn(parameter.shape))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(weights, str(folder / "open_clip_model.safetensors"))
    return folder


@pytest.fixture(params=["blip", "coca"])
def captioner(request):
    folder = request.getfixturevalue(f"{request.param}_folder")
    return rooms.load("backends.captioner", request.param)(str(folder), longest=12)


def test_all_captioners_are_tested():
    assert rooms.names("backends.captioner") == ["blip", "coca"]


def test_the_contract_of_the_room(captioner, images):
    captions = captioner.caption(images)
    assert len(captions) == len(images)
    assert all(isinstance(each, str) and each == " ".join(each.split()) for each in captions)
    assert any(captions)
    assert len(set(captions)) > 1, "what is said depends on the picture"
    assert captioner.caption(images[::-1]) == captions[::-1]
    assert [captioner.caption([image])[0] for image in images] == captions
    assert captioner.caption([]) == []
    assert "<" not in "".join(captions) or "_text>" not in "".join(captions)


def test_blip_says_what_transformers_says(blip_folder, images):
    import torch
    import transformers

    model = transformers.BlipForConditionalGeneration.from_pretrained(blip_folder).eval()
    processor = transformers.BlipProcessor.from_pretrained(blip_folder)
    images = [image for image in images if min(image.shape) == 3 < image.shape[0]]
    wanted = []
    for image in images:
        inputs = processor(images=image, return_tensors="pt")
        with torch.inference_mode():
            rows = model.generate(**inputs, num_beams=2, do_sample=False, max_new_tokens=9)
        wanted.append(processor.decode(rows[0], skip_special_tokens=True).strip())
    captioner = BLIP(str(blip_folder), beams=2, longest=9)
    assert captioner.caption(images) == wanted
    assert captioner.name == f"blip:{blip_folder.name} (transformers {version('transformers')})"


def test_coca_says_what_open_clip_says(coca_folder, images):
    import open_clip
    import torch
    from PIL import Image

    model, prepare = open_clip.create_model_from_pretrained(f"local-dir:{coca_folder}")
    captioner = CoCa(str(coca_folder), longest=10)
    for image, said in zip(images[:3], captioner.caption(images[:3]), strict=True):
        with torch.inference_mode():
            row = model.eval().generate(prepare(Image.fromarray(image))[None], seq_len=10)[0]
        whole = open_clip.decode(row)
        assert whole.startswith("<start_of_text>")
        wanted = whole.split("<end_of_text>")[0].removeprefix("<start_of_text>")
        assert said == " ".join(wanted.split())
    assert captioner.name == f"coca:{coca_folder.name} (open_clip {open_clip.__version__})"


def test_what_is_no_blip_says_so(blip_folder, tmp_path):
    import transformers

    with pytest.raises(CheckpointError, match=r"absent.*name a folder"):
        BLIP(str(tmp_path / "absent"))
    (tmp_path / "config.json").write_text((blip_folder / "config.json").read_text())
    with pytest.raises(CheckpointError, match="format of transformers"):
        BLIP(str(tmp_path))
    weights = (blip_folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match="format of transformers"):
        BLIP(str(tmp_path))
    other = transformers.BertConfig(vocab_size=9, hidden_size=8, num_attention_heads=2)
    transformers.BertModel(other).save_pretrained(tmp_path / "bert")
    with pytest.raises(CheckpointError, match="format of transformers"):
        BLIP(str(tmp_path / "bert"))


def test_what_is_no_coca_says_so(coca_folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"absent.*open_clip's list"):
        CoCa(str(tmp_path / "absent"))
    with pytest.raises(CheckpointError, match="format of open_clip"):
        CoCa(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text(
        (coca_folder / "open_clip_config.json").read_text()
    )
    with pytest.raises(CheckpointError, match="format of open_clip"):
        CoCa(str(tmp_path))
    weights = (coca_folder / "open_clip_model.safetensors").read_bytes()
    (tmp_path / "open_clip_model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match="format of open_clip"):
        CoCa(str(tmp_path))
    config = json.loads((coca_folder / "open_clip_config.json").read_text())
    del config["model_cfg"]["multimodal_cfg"]
    del config["model_cfg"]["custom_text"]
    plain = tmp_path / "clip"
    plain.mkdir()
    (plain / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="format of open_clip"):
        CoCa(str(plain))


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[coca\]"):
        CoCa()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[blip\]"):
        BLIP()


def test_a_library_that_does_not_load_says_why(monkeypatch, tmp_path):
    """As torchvision of a CUDA build beside torch of a CPU build."""
    (tmp_path / "open_clip.py").write_text("raise RuntimeError('torchvision::nms is not there')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    with pytest.raises(UsageError, match=r"nms is not there.*torchvision of one release"):
        CoCa()


def test_another_transformers_is_told_of(coca_folder, images, monkeypatch):
    captioner = CoCa(str(coca_folder))

    def generate(*_, **__):
        raise AttributeError("BeamSearchScorer")

    monkeypatch.setattr(captioner._network, "generate", generate)
    with pytest.raises(UsageError, match=version("transformers")):
        captioner.caption(images)
