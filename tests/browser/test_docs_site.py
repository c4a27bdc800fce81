"""The docs as a site: `make docs` builds it, every link leads somewhere, nobody else is asked."""

import subprocess
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser.browser import PROGRAM, Browser

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
NOT_OURS = ("http://", "https://", "mailto:", "data:", "javascript:")


class Html(HTMLParser):
    """What a page links to, its anchors, and its paragraphs as text."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.paragraphs, self._inside = [], set(), [], False
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.links += [named[each] for each in ("href", "src") if named.get(each)]
        self.anchors |= {named.get("id"), named.get("name")}
        if tag == "p":
            self._inside = True
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        self._inside &= tag != "p"

    def handle_data(self, data):
        if self._inside:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = subprocess.run(["make", "-s", ".venv-docs/.ready"], cwd=ROOT, capture_output=True)
    if made.returncode:
        pytest.skip("mkdocs cannot be installed here: `make docs` says why")
    folder = tmp_path_factory.mktemp("site")
    typed = [str(MKDOCS), "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Html(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_document_is_a_page(site, pages):
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    expected = {site / each.with_suffix(".html") for each in documents}
    expected |= {site / "index.html", site / "changelog.html"}
    assert expected <= set(pages)
    menu = {link for link in pages[site / "index.html"].links if link.endswith(".html")}
    assert {str(each.relative_to(site)) for each in expected} <= menu


def test_every_link_leads_to_a_file_and_its_anchor(site, pages):
    dead, checked = [], 0
    for path, page in pages.items():
        for link in page.links:
            name, _, anchor = link.partition("#")
            if link.startswith(NOT_OURS) or link == ".":
                continue
            checked += 1
            target = (path.parent / unquote(name)).resolve() if name else path
            there = target.is_file() and target.is_relative_to(site)
            if not there or (anchor and target in pages and anchor not in pages[target].anchors):
                dead.append((str(path.relative_to(site)), link))
    assert dead == []
    assert checked > 1_000


def test_lists_and_tables_are_such(pages):
    """A list or a table that mkdocs takes for text begins a line of a paragraph."""
    lines = [
        line for page in pages.values() for each in page.paragraphs for line in each.split("\n")
    ]
    assert len(lines) > 500
    assert [line for line in lines if line.lstrip().startswith(("- ", "| ", "|-", "```"))] == []


def test_nobody_else_is_asked_and_the_search_finds(site):
    if PROGRAM is None:
        pytest.skip("chromium is not installed: `apt-get install chromium` runs this test as well")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ours = f"http://127.0.0.1:{server.server_port}/"
    browser = Browser()
    try:
        for name, width in (
            ("contracts/Vault.html", 390),
            ("app.html", 390),
            ("index.html", 1_280),
        ):
            browser.open(url=ours + name, wallet=False, live=False, width=width)
            seen = browser.seen()
            assert [each for each in seen["requests"] if not each.startswith((ours, "data:"))] == []
            assert seen["said"] == []
            assert browser.wide() == 0
        browser.type(selector=".md-search__input", text="high-water mark")
        browser.wait(text="High-water mark", selector=".md-search-result__item")
        assert [each for each in browser.seen()["requests"] if not each.startswith(ours)] == []
    finally:
        browser.close()
        server.shutdown()
