"""`clara train`: a recipe, any of its fields, and data become a model."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["train"]


def train(arguments: Sequence[str]) -> None:
    """Train a model by a recipe, or go on with a run that was stopped.

    Args:
        arguments: The recipe's name and options; `clara train tiny --help` lists every field.
    """
    import tyro

    from clara import recipes
    from clara.cli._train import Run, start
    from clara.errors import UsageError

    known = ", ".join(recipes.names())
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: clara train RECIPE --data FOLDER ... --out FOLDER [--FIELD VALUE ...]\n")
        print("Train a model by a recipe, or go on with a run that was stopped.\n")
        print(f"recipes: {known}, or package.module:function of your own")
        print("`clara train RECIPE --help` lists every field of a recipe.")
        return
    name, *options = arguments
    if name.startswith("-"):
        raise UsageError(f"Expected a recipe before {name}; there are: {known}.")
    run = tyro.cli(
        Run,
        prog=f"clara train {name}",
        description="Train by this recipe; each field of it may be varied.",
        args=options,
        default=Run(recipes.get(name)),
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    start(run)
