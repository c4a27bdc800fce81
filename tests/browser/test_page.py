"""The page in Chromium."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from tests.page_data import WHO, write


def test_a_browser_finds_nothing_to_complain_about(tmp_path):
    """Headless Chromium with axe-core: no serious finding, no word on the console, no request."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    axe = Path("node_modules/axe-core/axe.min.js")
    if browser is None:
        pytest.skip("chromium is not installed: `apt-get install chromium` runs this test as well")
    folder, text = write(tmp_path)
    check = (
        "axe.run().then(r=>{document.title=JSON.stringify(r.violations.map(v=>[v.id,v.impact]))})"
    )
    checked = text.replace(
        "</body>", f"<script>{axe.read_text()}</script><script>{check}</script></body>"
    )
    (folder / "axe.html").write_text(checked)
    for dark, place in (("", ""), ("--force-dark-mode", ""), ("", f"#statement-{WHO}")):
        common = [browser, "--headless", "--no-sandbox", "--disable-gpu", *dark.split(),
                  "--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=20000",
                  f"--user-data-dir={tmp_path / 'browser'}"]  # fmt: skip
        done = subprocess.run(
            [*common, f"file://{folder / 'axe.html'}{place}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        title = re.search(r"<title>(.*?)</title>", done.stdout)[1]
        found = json.loads(unescape(title))
        assert [each for each in found if each[1] in ("serious", "critical")] == []
    plain = subprocess.run(
        [*common, f"file://{folder / 'index.html'}"], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in plain.stderr
    sources = re.findall(r"""(?:src|href)=['"]([^'"]+)""", plain.stdout)
    assert all(
        each.startswith(("data:", "#", "evidence/", "statement-", "months-", "data.json"))
        for each in sources
    )
