"""Dataclass trees to JSON and back; whatever else is in the JSON is refused by name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

import pytest

from clara import recipes
from clara.configs import expect, expect_within, from_json, to_json
from clara.errors import UnknownNameError, UsageError
from clara.train import Recipe


@dataclass(frozen=True)
class Leaf:
    size: int = 3
    share: float = 0.5
    kind: Literal["a", "b"] = "a"
    note: str | None = None


@dataclass(frozen=True)
class Tree:
    leaf: Leaf = field(default_factory=Leaf)
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (1, "x")
    weights: Mapping[str, float] = field(default_factory=dict)
    anything: Any = None
    flag: bool = False


def through_text(value: Any) -> Any:
    return json.loads(json.dumps(to_json(value), allow_nan=False))


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_survive(name: str) -> None:
    recipe = recipes.get(name)
    assert from_json(Recipe, through_text(recipe)) == recipe


def test_all_kinds_of_fields_survive() -> None:
    tree = Tree(Leaf(4, 1.0, "b", "n"), ("a", "é"), (2, "y"), {"c": 2.0}, {"any": [1]}, True)
    assert from_json(Tree, through_text(tree)) == tree


def test_fields_left_out_keep_their_defaults() -> None:
    assert from_json(Tree, {"leaf": {"size": 9}}) == Tree(leaf=Leaf(size=9))
    assert from_json(Tree, {}) == Tree()


def test_a_whole_number_will_do_for_a_fraction() -> None:
    share = from_json(Leaf, {"share": 1}).share
    assert share == 1
    assert type(share) is float


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "config to be an object"),
        ({"leaf": 3}, "config.leaf to be an object"),
        ({"leaf": {"size": "3"}}, "config.leaf.size to be int, but found '3'"),
        ({"leaf": {"size": True}}, "config.leaf.size"),
        ({"leaf": {"size": 3.0}}, "config.leaf.size"),
        ({"leaf": {"share": None}}, "config.leaf.share"),
        ({"leaf": {"share": math.nan}}, "config.leaf.share"),
        ({"leaf": {"share": math.inf}}, "config.leaf.share"),
        ({"leaf": {"kind": "c"}}, "config.leaf.kind"),
        ({"leaf": {"kind": ["a"]}}, "config.leaf.kind"),
        ({"leaf": {"note": 3}}, "config.leaf.note"),
        ({"names": "abc"}, "config.names"),
        ({"names": [1]}, "config.names"),
        ({"pair": [1]}, "config.pair"),
        ({"weights": [["a", 1]]}, "config.weights"),
        ({"flag": 1}, "config.flag"),
    ],
)
def test_values_of_the_wrong_kind(value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=r"^Expected ") as error:
        from_json(Tree, value)
    assert words in str(error.value)


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"field of config.leaf named 'sise'.*'size'"):
        from_json(Tree, {"leaf": {"sise": 3}})


def test_numbers_too_long_for_a_float() -> None:
    with pytest.raises(UsageError, match=r"config\.share"):
        from_json(Leaf, {"share": 10**400})


def test_expectations() -> None:
    expect(True, "nothing", 0)
    with pytest.raises(UsageError, match=r"^Expected a tea but found a coffee\.$"):
        expect(False, "a tea", "a coffee")
    leaf = Leaf()
    expect_within(leaf, 3, 3, "size")
    for low, high in ((4, 9), (1, 2)):
        with pytest.raises(UsageError, match=rf"size to be from {low} to {high} but found 3"):
            expect_within(leaf, low, high, "size")
    with pytest.raises(UsageError, match="share"):
        expect_within(replace(leaf, share=math.nan), 0, 9, "size", "share")


def every_config(value: Any) -> set[type]:
    found = {type(value)}
    for each in fields(value):
        inner = getattr(value, each.name)
        if is_dataclass(inner):
            found |= every_config(inner)
    return found


def test_every_config_of_a_recipe_is_frozen_and_says_what_its_fields_are() -> None:
    for kind in every_config(recipes.tiny()):
        assert kind.__dataclass_params__.frozen
        for each in fields(kind):
            assert f"        {each.name}: " in (kind.__doc__ or ""), (kind, each.name)
