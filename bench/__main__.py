"""Runs every benchmark in its own process and writes docs/performance.md."""

from __future__ import annotations

import argparse
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import bench
from bench._timing import Report, machine

HEAD = """# Performance

`make bench` measured these figures and wrote this page. The contenders of a table take turns in
one run, and a ratio is the median of the ratios of neighbours: it stands where the speeds drift
because the machine has other work. Ratios carry over to other machines, speeds do not.

Machine: {machine}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds that are counted")
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    arguments = parser.parse_args()
    pages = [HEAD.format(machine=machine("torch", "numpy"))]
    for name in sorted(module.name for module in pkgutil.iter_modules(bench.__path__)):
        if name.startswith("_"):
            continue
        print(f"bench.{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"bench.{name}", "--rounds", str(arguments.rounds)]
        done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, check=True, text=True)
        section = Report(**json.loads(done.stdout)).markdown()
        print(section, flush=True)
        pages.append(section + "\n")
    arguments.out.parent.mkdir(exist_ok=True)
    partial = arguments.out.with_suffix(".partial")
    partial.write_text("\n".join(pages))
    partial.replace(arguments.out)


if __name__ == "__main__":
    main()
