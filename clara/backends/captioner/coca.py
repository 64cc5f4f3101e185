"""CoCa through open_clip: captions pictures, as the paper's appendix B does.

Yu et al., CoCa: Contrastive Captioners are Image-Text Foundation Models, 2022.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clara.backends._models import loading
from clara.backends.captioner import Image
from clara.errors import MissingExtraError, UsageError

__all__ = ["CoCa"]

_START, _END = "<start_of_text>", "<end_of_text>"


class CoCa:
    """Captions pictures one after another, by beam search.

    Args:
        model: A folder with a model in open_clip's format (`open_clip_config.json` and weights),
            "hf-hub:OWNER/NAME", or the name of an architecture.
        weights: Of an architecture: a name in open_clip's list, or a file.
        device: Where it runs.
        longest: Most tokens of a caption.

    Raises:
        MissingExtraError: open_clip or transformers is not installed.
        UsageError: open_clip is, but cannot be used here.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(
        self,
        model: str = "coca_ViT-L-14",
        *,
        weights: str = "mscoco_finetuned_laion2b_s13b_b90k",
        device: str = "cpu",
        longest: int = 30,
    ) -> None:
        assert longest > 5, "open_clip generates at least five tokens"
        self._library = _library()
        folder = Path(model).is_dir()
        whole = folder or model.startswith("hf-hub:")
        hint = "name a folder that holds one, or a model of open_clip's list"
        with loading("a CoCa model in the format of open_clip", model, hint):
            network, self._prepare = self._library.create_model_from_pretrained(
                f"local-dir:{model}" if folder else model,
                pretrained=None if whole else weights,
                device=device,
            )
            if not hasattr(network, "generate"):
                raise ValueError("a model that writes no captions")
        self._network: Any = network.eval()
        self._device, self._longest = device, longest
        self._lock = threading.Lock()
        name = Path(model).name if folder else model if whole else f"{model}/{weights}"
        self.name = f"coca:{name} (open_clip {self._library.__version__})"

    def caption(self, images: Sequence[Image]) -> list[str]:
        """As `clara.backends.captioner.Captioner`.

        Raises:
            UsageError: The installed transformers does not go with open_clip.
        """
        with self._lock:
            return [self._caption(image) for image in images]

    def _caption(self, image: Image) -> str:
        # Alone: in a batch the last digits of a product, and then words, depend on its size.
        import torch
        from PIL.Image import fromarray

        pixels = self._prepare(fromarray(image))[None].to(self._device)
        try:
            with torch.inference_mode():
                (row,) = self._network.generate(
                    pixels, generation_type="beam_search", seq_len=self._longest
                )
        except (AttributeError, TypeError, NameError) as error:  # of its beam search
            import transformers

            raise UsageError(
                f"Expected a version of transformers that open_clip can generate with but found "
                f"{transformers.__version__}; install it with: pip install 'clara-audio[coca]'"
            ) from error
        text: str = self._library.decode(row)
        return " ".join(text.partition(_END)[0].replace(_START, " ").split())


def _library() -> Any:
    try:
        import open_clip
        import transformers  # noqa: F401 (only generation needs it, which is too late)
    except ImportError as error:
        raise MissingExtraError("the CoCa captioner", "coca") from error
    except (RuntimeError, OSError, AttributeError) as error:  # extensions that do not load
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"Expected open_clip to be importable but found: {reason}; install torch and "
            "torchvision of one release and one kind of device."
        ) from error
    return open_clip
