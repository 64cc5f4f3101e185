"""Speed beside that of peers. `python -m bench` measures all and writes docs/performance.md.

Each module measures one thing: it has a function `report(rounds)`, and runs alone too
(`python -m bench.mel --json`). `python -m bench mel` writes its section of the page.
"""
