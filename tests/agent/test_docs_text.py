"""The docs as text: short sentences, links that lead somewhere, files and commands that exist."""

import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from strongroom.cli.main import command
from strongroom.extras import how_to_install

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "agent" / "strongroom"
GENERATED = {  # from NatSpec and docstrings, by `make reference`
    ROOT / "docs" / "contracts" / "reference.md",
    ROOT / "docs" / "python.md",
}
DOCS = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - GENERATED)
MOST_WORDS = 40
OURS = (".py", ".vy", ".vyi", ".md", ".toml", ".json")
TEXTS = (".py", ".md", ".toml", ".html")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
BY_A_RUN = ("build/", "deployments/")  # folders that commands write

FENCE = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(text):
    """Return the paragraphs, the items of lists and the cells of tables."""
    text = re.sub(r"<!--.*?-->", "", FENCE.sub("", text), flags=re.S)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:- |\d+\. ))", text):
        if block.startswith("    ") or block.lstrip().startswith("#"):
            continue
        rows = [line for line in block.splitlines() if line.lstrip().startswith("|")]
        if rows:
            yield from (cell for row in rows for cell in row.split("|"))
        else:
            yield " ".join(block.split())


def sentences(text):
    """Return the sentences of a text; code counts as one word."""
    for part in prose(text):
        plain = CODE.sub("code", re.sub(r"\]\([^)]*\)", "]", part))
        yield from (
            each for each in re.split(r"(?<=[.!?])\)?\s+|;\s+(?=\d)", plain) if each.strip()
        )


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_is_longer_than_forty_words(path):
    long = [each for each in sentences(path.read_text()) if len(each.split()) > MOST_WORDS]
    assert long == []


def names(path):
    """Return (name, folder that the table's row names) for each name of a file in backticks."""
    for line in FENCE.sub("", path.read_text()).splitlines():
        cells = line.split("|")
        first = CODE.findall(cells[1]) if len(cells) > 2 else []
        folder = first[0] if first and first[0].endswith("/") else ""
        for name in CODE.findall(line):
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", name) and name.endswith((*OURS, "/")):
                yield name, folder


def exists(name, folder, page):
    """Whether a file is there: from the root, from the page, in the row's package, or (Python's and
    Vyper's modules by their bare name) in exactly one place."""
    bases = [ROOT, page.parent, PACKAGE, *([PACKAGE / folder, ROOT / folder] if folder else [])]
    if any((base / name).exists() for base in bases):
        return True
    return not folder and "/" not in name and len(list(ROOT.glob(f"[act]*/**/{name}"))) == 1


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(path):
    checked = [
        (name, folder)
        for name, folder in names(path)
        if not name.startswith(BY_A_RUN) and ("/" in name or name.endswith((".py", ".vy", ".md")))
    ]
    missing = [name for name, folder in checked if not exists(name, folder, path)]
    assert missing == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    dead = []
    for target in LINK.findall(path.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name) if name else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            dead.append(target)
    assert dead == []


def anchors(page):
    """Return the anchors of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def typed(path):
    """Return each command line of ours in a page: in backticks and in blocks."""
    text = path.read_text()
    found = [line.split("  #")[0].strip() for line in text.splitlines()]
    found += CODE.findall(FENCE.sub("", text))
    return [line for line in found if line.startswith("strongroom ")]


def unknown(line):
    """Return the words of a line that are no command and no option."""
    here, bad = command, []
    for word in line.split()[1:]:
        if word == "--help":
            continue
        if word.startswith("--"):
            context = click.Context(here)
            known = {option for each in here.get_params(context) for option in each.opts}
            bad += [] if word in known else [word]
        if isinstance(here, click.Group) and re.fullmatch("[a-z]+(-[a-z]+)*", word):
            found = here.get_command(click.Context(here), word)
            bad += [] if found else [word]
            here = found or here
    return bad


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_exists(path):
    assert {line: unknown(line) for line in typed(path) if unknown(line)} == {}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_script_and_target_exists(path):
    text = path.read_text()
    scripts = set(re.findall(r"ape run ([a-z_]+)", text))
    assert {name for name in scripts if not (ROOT / "scripts" / f"{name}.py").exists()} == set()
    lines = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()]
    lines += CODE.findall(FENCE.sub("", text))
    targets = {line.split()[1] for line in lines if line.startswith("make ")}
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert targets <= made


def test_the_page_of_commands_lists_all():
    text = (ROOT / "docs" / "commands.md").read_text()
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    listed = set(re.findall(r"`strongroom (\w+)`", rows))
    assert listed == set(command.list_commands(click.Context(command)))


def test_nothing_but_our_own_is_offered_for_installing():
    """An index may have a package of any name: a document names ours, and its wheel's file."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    offered = set()
    for name in files.splitlines():
        if name.startswith(("agent/", "bots/", "docs/", "README")) and name.endswith(TEXTS):
            text = (ROOT / name).read_text()
            offered |= set(re.findall(r"pip install ['`]*([^\s'`\[]+)", text))
    wheel = f"strongroom-{VERSION}-py3-none-any.whl"
    made = "./strongroom-{version("  # by strongroom.extras, the one place that words it
    assert offered == {made, f"./{wheel}", f"dist/{wheel}"}


def test_a_message_names_the_wheels_file(monkeypatch):
    monkeypatch.setattr("strongroom.extras.version", lambda _: VERSION)
    monkeypatch.setattr("sys.version_info", (3, 12))
    wheel = f"./strongroom-{VERSION}-py3-none-any.whl"
    assert how_to_install("ape") == f"pip install '{wheel}[ape]'"
    monkeypatch.setattr("sys.version_info", (3, 13))
    assert how_to_install("ape") == "the extra ape needs Python 3.11 or 3.12"
    assert how_to_install("ray") == f"pip install '{wheel}[ray]'"
