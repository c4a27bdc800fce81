"""Chromium for tests, through driver.mjs: `browser.press("Preview", form="deposit")`."""

import json
import shutil
import subprocess
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = Path(__file__).parent / "driver.mjs"
CORE = Path("node_modules/playwright-core")


class Browser:
    """One browser with one page; every method of driver.mjs is one here."""

    def __init__(self):
        self._start()

    def _start(self):
        self._process = subprocess.Popen(
            ["node", str(DRIVER), PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __getattr__(self, command):
        def run(**values):
            print(json.dumps({"command": command, **values}), file=self._process.stdin, flush=True)
            answer = json.loads(self._process.stdout.readline())
            if "ended" in answer:  # it was stuck
                self._process.wait()
                self._start()
            if "error" in answer:
                raise AssertionError(answer["error"])
            return answer["result"]

        return run

    def lines(self, form):
        """Return the lines of a form's preview."""
        return self.text(selector=f"form[data-way={form}] .preview li")

    def preview(self, form, until="Gas takes", **fields):
        """Fill a form, and return the lines of its preview once one of them, or what is lacking,
        has the text."""
        for name, text in fields.items():
            self.fill(form=form, name=name, text=text)
        self.press(name="Preview", form=form)
        self.wait(text=until, selector=f"form[data-way={form}] .preview")
        return self.lines(form)

    def send(self, form, **fields):
        """Fill a form, look at the preview, sign and send; return the preview's lines."""
        lines = self.preview(form, **fields)
        self.press(name="Sign and send", form=form)
        self.wait(text="Done.", selector=f"form[data-way={form}] .status")
        return lines

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=30)
