"""Write the documents' pictures: `python -m scripts.dev.pictures`. It needs chromium.

`docs/pictures/demo.svg` is what `strongroom demo` prints; `docs/pictures/page.png` is the page of
the vault of `strongroom week`; `docs/pictures/app-*.png` are what the test of the demo's app saw,
and `docs/pictures/cockpit.png` what that of the cockpit did.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path("docs") / "pictures"
STRONGROOM = (sys.executable, "-m", "strongroom.cli")
COLUMNS = 100
PAGE = (1000, 1680)  # pixels: the first screens of the page
WEEK = ("--hours", "40", "--tickers", "AAPL,NVDA")


def demo(folder: Path, target: Path) -> None:
    """Run the demo and draw its terminal."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    arguments = (*STRONGROOM, "demo", "--folder", str(folder / "demo"))
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    printed = done.stdout.replace(str(folder), "build").strip()
    screen = Console(record=True, width=COLUMNS, file=StringIO())
    screen.print(Text.from_ansi(printed))
    drawn = screen.export_svg(title="strongroom demo")
    target.write_text(re.sub(r"\s+@font-face \{.*?\}", "", drawn, flags=re.S))  # no foreign fonts


def page(folder: Path, target: Path) -> None:
    """Run a week and photograph its page."""
    subprocess.run((*STRONGROOM, "week", "--folder", str(folder / "week"), *WEEK), check=True)
    chromium = shutil.which("chromium") or "chromium"
    subprocess.run(
        (
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--screenshot={target.resolve()}",
            f"--window-size={PAGE[0]},{PAGE[1]}",
            (folder / "week" / "page" / "index.html").resolve().as_uri(),
        ),
        check=True,
    )


def browsers(target: Path) -> None:
    """Run the tests that press the buttons of the demo's app and of the cockpit; take their
    photographs."""
    typed = ("-m", "pytest", "-q", "--disable-isolation", "--network", "ethereum:local:test")
    tests = ("tests/e2e/test_demo_app.py", "tests/e2e/test_cockpit.py")
    subprocess.run((sys.executable, *typed, *tests), check=True)
    shots = Path("build") / "shots"
    for picture in (*shots.glob("app-*.png"), shots / "cockpit.png"):
        shutil.copy(picture, target / picture.name)


def main() -> None:
    """Write all."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo(Path(folder), TARGET / "demo.svg")
        page(Path(folder), TARGET / "page.png")
    browsers(TARGET)


if __name__ == "__main__":
    main()
