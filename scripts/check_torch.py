"""Says which build of torch was installed, and how to get a smaller one where that is possible."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys


def main() -> None:
    """Looks at what is installed, without importing it."""
    version = importlib.metadata.version("torch")
    names = (dist.metadata["Name"] or "" for dist in importlib.metadata.distributions())
    cuda = any(name.lower().startswith(("nvidia-", "cuda-")) for name in names)
    print(f"torch {version} {'with' if cuda else 'without'} CUDA")
    if cuda and sys.platform == "linux" and not shutil.which("nvidia-smi"):
        print(
            "There is no NVIDIA GPU here. To save about 2.4 GB of download, remove the environment "
            "and let pip see an index with CPU builds, as PyTorch's own:\n"
            "  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make setup"
        )


if __name__ == "__main__":
    main()
