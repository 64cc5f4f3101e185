"""Recipes by name, by module, and what those of the paper hold."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from clara import recipes
from clara.audio import mel
from clara.errors import UnknownNameError, UsageError
from clara.train import Recipe


def test_names() -> None:
    assert recipes.names() == ["clara_100m", "clara_600m", "clara_60m", "tiny"]
    for name in recipes.names():
        recipe = recipes.get(name)
        assert isinstance(recipe, Recipe)
        assert getattr(recipes, name).__doc__


@pytest.mark.parametrize("name", ["tiyn", "get", "names", "__all__", "_paper", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="There is no recipe named"):
        recipes.get(name)


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'clara_100m'"):
        recipes.get("clara_100")


def test_a_recipe_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_recipes.py").write_text(
        "import dataclasses\nfrom clara.recipes import tiny\n"
        "def mine():\n    return dataclasses.replace(tiny(), name='mine')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert recipes.get("my_own_recipes:mine").name == "mine"
    finally:
        sys.modules.pop("my_own_recipes", None)
    with pytest.raises(UsageError, match="no_such_module_anywhere"):
        recipes.get("no_such_module_anywhere:mine")


def test_the_paper_s_model_is_faithful() -> None:
    recipe = recipes.clara_100m()
    audio, text = recipe.model.audio, recipe.model.text
    assert audio.mel == mel.paper()
    assert (audio.stem, audio.width, audio.latents, audio.latent_width) == ("conv1d", 512, 512, 512)
    assert (audio.layers, audio.heads, audio.cross_heads, audio.head_width) == (10, 16, 2, 64)
    assert (text.vocab, text.width, text.layers, text.heads) == (50_373, 512, 10, 8)
    assert recipe.model.dim == 512
    assert (recipe.data.batch, recipe.train.accumulate) == (16, 5)
    assert (recipe.optim.rate, recipe.optim.floor, recipe.optim.warmup) == (1e-4, 1e-6, 1000)
    assert (recipe.optim.decay, recipe.optim.clip) == (0.01, 1.0)
    assert (audio.mask_bands, audio.mask_frames, recipe.data.mix) == (0, 0, 0.0)


def test_sizes_differ_in_depth_and_heads_alone() -> None:
    base = recipes.clara_100m()
    for other in (recipes.clara_60m(), recipes.clara_600m()):
        kept = {"layers": base.model.audio.layers, "heads": base.model.audio.heads}
        audio = dataclasses.replace(
            other.model.audio, **kept, cross_heads=base.model.audio.cross_heads
        )
        assert audio == base.model.audio
        assert (other.data, other.optim, other.train) == (base.data, base.optim, base.train)
