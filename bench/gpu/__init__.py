"""Speed on an accelerator: `python -m bench.gpu` fills its sections of docs/performance.md.

The benches need the package and torch, and make their data themselves. Without a GPU they run a
network of the same kind in small, `--size small`, which shows that they work and measures nothing.
"""
