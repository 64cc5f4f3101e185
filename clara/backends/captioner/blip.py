"""BLIP through transformers: captions pictures.

Li et al., BLIP: Bootstrapping Language-Image Pre-training, 2022.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from clara.backends._models import loading, title
from clara.backends.captioner import Image
from clara.errors import MissingExtraError

__all__ = ["BLIP"]


class BLIP:
    """Captions pictures one after another, by beam search.

    Args:
        model: Folder, or name on the hub.
        device: Where it runs.
        beams: Width of the search.
        longest: Most tokens of a caption.

    Raises:
        MissingExtraError: transformers or Pillow is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(
        self,
        model: str = "Salesforce/blip-image-captioning-base",
        *,
        device: str = "cpu",
        beams: int = 3,
        longest: int = 30,
    ) -> None:
        assert beams > 0
        assert longest > 0
        try:
            import PIL.Image  # noqa: F401 (the processor needs it, and says so less clearly)
            import transformers
        except ImportError as error:
            raise MissingExtraError("the BLIP captioner", "blip") from error
        library: Any = transformers
        with loading("a BLIP model in the format of transformers", model):
            network, found = library.BlipForConditionalGeneration.from_pretrained(
                model, output_loading_info=True
            )
            self._processor: Any = library.AutoProcessor.from_pretrained(model)
            if found["missing_keys"] or not hasattr(self._processor, "image_processor"):
                raise ValueError("weights of another kind of model")
        self._network: Any = network.to(device).eval()
        self._device, self._beams, self._longest = device, beams, longest
        self._lock = threading.Lock()
        self.name = f"blip:{title(model, network)} (transformers {library.__version__})"

    def caption(self, images: Sequence[Image]) -> list[str]:
        """As `clara.backends.captioner.Captioner`."""
        with self._lock:
            return [self._caption(image) for image in images]

    def _caption(self, image: Image) -> str:
        # Alone: in a batch the last digits of a product, and then words, depend on its size.
        import torch

        # Unless it is told, it guesses which axis holds the colours: wrongly, of 3 rows or of one.
        prepare = self._processor.image_processor
        pixels = prepare(image, return_tensors="pt", input_data_format="channels_last").pixel_values
        with torch.inference_mode():
            rows = self._network.generate(
                pixel_values=pixels.to(self._device),
                num_beams=self._beams,
                do_sample=False,
                max_new_tokens=self._longest,
            )
        (text,) = self._processor.batch_decode(rows, skip_special_tokens=True)
        return " ".join(text.split())
