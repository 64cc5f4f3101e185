"""The house is as it says: public names, map, changelog, pages, layers, limits."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import clara
from clara.evaluate.tasks import Task
from clara.records import Embeddings, Sample

ROOT = Path(clara.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = sorted((ROOT / "clara").rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_public_names():
    assert sorted(clara.__all__) == [
        "Batch",
        "Batches",
        "Clara",
        "ClaraError",
        "ClaraModel",
        "DataConfig",
        "Embeddings",
        "Encoder",
        "Entry",
        "Index",
        "ModelConfig",
        "Recipe",
        "Sample",
        "Scores",
        "classify",
        "embed_index",
        "load",
    ]
    for name in clara.__all__:
        assert getattr(clara, name).__doc__


def test_importing_the_package_is_light():
    code = (
        "import sys, clara, clara.rooms, clara.errors;"
        "heavy = {'torch', 'pyarrow', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_changelog_has_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == clara.__version__


def test_the_map_in_the_readme_is_true():
    named = re.findall(r"^\| `([\w/.]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert all((ROOT / path).exists() for path in named)
    modules = {
        f"clara/{path.name}" + ("/" if path.is_dir() else "")
        for path in (ROOT / "clara").iterdir()
        if not path.name.startswith("_")
    }
    assert modules == {path for path in named if path.startswith("clara/")}


def test_the_architecture_page_has_the_layers_of_the_linter():
    page = (ROOT / "docs" / "architecture.md").read_text()
    (block,) = re.findall(r"```\n(cli\n.*?)```", page, re.DOTALL)
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    assert block.split("\n")[:-1] == [layer.replace("clara.", "") for layer in contract["layers"]]


def test_every_module_has_its_layer():
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    layered = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    modules = (ROOT / "clara").iterdir()
    assert layered == {f"clara.{path.stem}" for path in modules if not path.name.startswith("_")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_of_the_pages_lead_somewhere(page):
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in link or (page.parent / link).exists(), link
    for path in re.findall(r"`((?:clara|docs|tests|scripts|bench)/[\w/.]+)`", text):
        shown = Path(path).stem in ("chirps", "coin", "quieter", "hum")
        assert shown or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_of_the_pages_exist(page):
    for line in re.findall(r"^ {4}(clara .*?)(?: +#.*)?$", page.read_text(), re.MULTILINE):
        _, command, *words = line.split()
        path = ROOT / "clara" / "cli" / f"{command}.py"
        assert path.is_file(), line
        source = path.read_text()
        for option in re.findall(r"--([a-z-]+)", " ".join(words).replace("--help", "")):
            if command != "train":  # its options are the fields of the recipe
                assert option.replace("-", "_") in source, (line, option)


@pytest.mark.parametrize("name", ["commands.md", "corpora.md"])
def test_made_pages_are_what_make_docs_would_write(name):
    path = ROOT / "scripts" / "make_docs.py"
    spec = importlib.util.spec_from_file_location("make_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / name).read_text() == module.pages()[name], "run `make docs`"


def _examples() -> dict[str, Any]:
    """The plug-ins shown to contributors, by file name."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = {}
    shown = re.findall(r"`clara/[\w/]+/(\w+)\.py`[^`]*.*?```python\n(.*?)```", text, re.DOTALL)
    for name, code in shown:
        assert len(code.splitlines()) <= 12, "ten lines, the docstring and a breath"
        space: dict[str, Any] = {"__name__": "clara"}
        exec(compile(code, name, "exec"), space)
        (public,) = space["__all__"]
        found[name] = space[public]
    return found


def test_the_examples_for_contributors_work(tmp_path):
    examples = _examples()
    assert list(examples) == ["chirps", "coin", "quieter", "hum"]

    (tmp_path / "wren").mkdir()
    (tmp_path / "wren" / "1.flac").touch()
    (entry,) = examples["chirps"].read(tmp_path)
    assert entry.labels == {"sound": ("wren",)}

    labels = [{"sound": ("dog",)}, {"sound": ("cat",)}]
    rows = Embeddings(np.eye(2, dtype=np.float32), ["a", "b"], labels)
    data = SimpleNamespace(
        tested=lambda task: ("test",),
        classes=lambda task: ("cat", "dog"),
        part=lambda corpus, split: SimpleNamespace(rows=rows),
        seen=lambda corpus, splits: "unseen",
    )
    scores = examples["coin"](Task("chirps", "sound"), SimpleNamespace(name="e"), data)
    assert scores.values == {"accuracy": 0.5}

    sample = Sample("a", np.ones(4, np.float32), 16000, ("one",))
    quieter = examples["quieter"]()(sample, np.random.default_rng(0))
    assert quieter.wave.dtype == np.float32
    assert 0.1 < quieter.wave[0] < 1 == sample.wave[0]

    wave, rate = examples["hum"]().speak("hello", language="en")
    assert len(wave) / rate == 0.25


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 80, node.name
            arguments = [*node.args.args, *node.args.kwonlyargs]
            named = [each for each in arguments if each.arg not in ("self", "cls")]
            limit = 8 if "cli" not in path.parts else 16
            assert len(named) <= limit, node.name


def test_the_import_layers_hold():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
