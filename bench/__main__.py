"""Runs benchmarks, each in its own process, and writes their sections of docs/performance.md.

`python -m bench` runs all, `python -m bench mel index` runs these two and leaves the other sections
as they are.
"""

from __future__ import annotations

import argparse
import pkgutil
import subprocess
import sys
from pathlib import Path

import bench

HEAD = """# Performance

`make bench` measures these figures and writes this page; `python -m bench NAME` measures one
section again, so each says under what load it was measured. The contenders of a table take turns
in one run, and a ratio is the median of the ratios of neighbours: it stands where the speeds drift
because the machine has other work. Ratios carry over to other machines, speeds do not. A table has
as many rounds as fit into its minute or so, three at least. `python -m bench.real.race SHARDS`,
which needs real recordings, and the benches of `bench/gpu` write sections too, but are no part of
`make bench`.
"""


def main() -> None:
    modules = pkgutil.iter_modules(bench.__path__)
    names = sorted(m.name for m in modules if m.name[0] != "_" and not m.ispkg)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are counted at most")
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    failed = []
    for name in arguments.names or names:
        print(f"bench.{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"bench.{name}", "--rounds", str(arguments.rounds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            failed.append(name)  # a contender is missing, say
            continue
        print(done.stdout, flush=True)
        write(arguments.out, done.stdout)
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}.")


def write(path: Path, section: str) -> None:
    """Puts a section into the page, in the place of the one of its title if there is one."""
    before = path.read_text() if path.exists() else ""
    sections = {title(text): text for text in before.split("\n## ")[1:]}
    text = section.removeprefix("## ")
    sections[title(text)] = text
    page = "\n## ".join([HEAD, *(f"{each.strip()}\n" for each in sections.values())])
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(page)
    partial.replace(path)


def title(section: str) -> str:
    return section.partition("\n")[0].strip()


if __name__ == "__main__":
    main()
