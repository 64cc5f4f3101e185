"""Runs all benches of the accelerator, each in its own process: `python -m bench.gpu [OPTION ...]`.

Options are those that its benches share: `--recipe`, `--size`, `--device`, `--batch`.
"""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    for name in ("padding", "embed", "train"):
        options = sys.argv[1:] if name != "padding" else []
        subprocess.run([sys.executable, "-m", f"bench.gpu.{name}", *options], check=True)


if __name__ == "__main__":
    main()
