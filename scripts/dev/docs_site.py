"""What mkdocs does not know of this repository: README is the first page, CHANGELOG the last, and
a link to a file outside docs/ leads to a copy of it in the site. `make docs` loads this.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}  # those of the root
COPIES = "files"  # where copies of other files stand in the site
LINK = re.compile(r'(\]\(|(?:src|href)=")([^)\s"#]+)(#[^)\s"]*)?(?=[)"])')
FENCE = re.compile(r"^ *```.*?^ *```$", re.M | re.S)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages, and a copy of every file outside docs/ that a page links to."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=_moved(name)))
    pages = [ROOT / name for name in PAGES]
    pages += [DOCS / each.src_uri for each in files.documentation_pages() if each.abs_src_path]
    for linked in sorted({path for page in pages for path in _linked(page)}):
        held = sorted(each for each in linked.rglob("*") if each.is_file()) or [linked]
        for path in held:
            if not path.is_relative_to(DOCS):
                files.append(File.generated(config, str(_place(path)), content=path.read_bytes()))
        if linked.is_dir():
            files.append(_listed(linked, held, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead a page's links to what stands in the site."""
    if page.file.src_uri in PAGES.values():
        return markdown
    return _led(markdown, (DOCS / page.file.src_uri).parent, Path(page.file.src_uri).parent)


def _moved(name: str) -> str:
    """Return a page of the root as it reads in the site."""
    return _led((ROOT / name).read_text(), ROOT, Path())


def _led(markdown: str, folder: Path, place: Path) -> str:
    """Return a page of a folder, with links as they are at its place in the site."""

    def lead(found: re.Match[str]) -> str:
        start, target, anchor = found[1], found[2], found[3] or ""
        path = (folder / target).resolve()
        if "://" in target or not path.exists():
            return found[0]  # mkdocs says what is wrong with it
        return start + os.path.relpath(_place(path), place) + anchor

    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(lead, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    whole = "".join([*parts, LINK.sub(lead, markdown[end:])])
    return whole.replace("-->\n|", "-->\n\n|")  # here a table begins after an empty line


def _place(path: Path) -> Path:
    """Return where a file or folder stands in the site."""
    name = path.relative_to(ROOT)
    if str(name) in PAGES:
        return Path(PAGES[str(name)])
    if path == DOCS / "contracts":
        return Path("contracts") / "Vault.md"
    if path.is_dir():
        return Path(COPIES) / name / "index.md"
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS)
    return Path(COPIES) / (name.with_suffix(".txt") if path.suffix == ".md" else name)


def _linked(page: Path) -> list[Path]:
    """Return what a page links to that mkdocs does not have: files outside docs/, and folders."""
    paths = [
        (page.parent / target).resolve()
        for _, target, _ in LINK.findall(FENCE.sub("", page.read_text()))
        if "://" not in target
    ]
    return [
        path
        for path in paths
        if path.exists()
        and str(path.relative_to(ROOT)) not in PAGES
        and path != DOCS / "contracts"
        and (path.is_dir() or not path.is_relative_to(DOCS))
    ]


def _listed(folder: Path, held: list[Path], config: MkDocsConfig) -> File:
    """Return the page of a folder: its files by name, each with a link."""
    place = _place(folder)
    rows = [
        f"- [{path.relative_to(folder)}]({os.path.relpath(_place(path), place.parent)})"
        for path in held
    ]
    text = "\n".join([f"# {folder.relative_to(ROOT)}/", "", *rows, ""])
    return File.generated(config, str(place), content=text, inclusion=InclusionLevel.NOT_IN_NAV)
