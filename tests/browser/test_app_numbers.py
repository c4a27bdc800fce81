"""The app's amounts and times are those of the commands: both are asked the same."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.audit import queues
from strongroom.backtest import simulated_requests
from strongroom.chain.gas import MOST_GAS
from strongroom.chain.notices import moment
from strongroom.chain.units import HOUR, MICRO, SHARE
from strongroom.depositor.amounts import (
    BadAmount,
    hours_text,
    money,
    shares_text,
    shares_text_up,
    to_assets,
    to_shares,
)
from strongroom.depositor.requests import MOST_WAITING
from strongroom.depositor.words import WORDS

ESBUILD = Path("node_modules/.bin/esbuild")
SCRIPT = f"""
import {{ createInterface }} from "node:readline";
globalThis.document = {{ getElementById: () => ({{ textContent: {json.dumps(json.dumps({"words": dict(WORDS)}))} }}) }};
const it = await import(process.argv[1]);
const ways = {{
  assets: (text) => it.parse(text, it.MICRO, 7n), shares: (text) => it.parse(text, it.SHARE, 7n),
  money: (n) => it.money(BigInt(n)), sharesText: (n) => it.sharesText(BigInt(n)),
  sharesTextUp: (n) => it.sharesTextUp(BigInt(n)),
  percent: (n) => it.percent(BigInt(n)), hours: (n) => it.hours(BigInt(n)), moment: (n) => it.moment(BigInt(n)),
}};
for await (const line of createInterface({{ input: process.stdin }})) {{
  const [way, value] = JSON.parse(line);
  try {{ console.log(JSON.stringify(String(ways[way](value)))); }} catch (error) {{ console.log(JSON.stringify(error.message)); }}
}}
"""  # noqa: E501
NUMBERS = st.integers(0, 10**32)
# what people type: digits, signs, points and underscores in any order, and some words
TYPED = st.one_of(
    st.text("0123456789._-+ eE", max_size=12),
    st.decimals(0, 10**31, places=6).map(str),
    st.decimals(0, 10**31, places=18).map(str),
    st.sampled_from(["all", "x", "", "1,000", "1_000.50", "0x10", "NaN", "Infinity", "-", ".5"]),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    if shutil.which("node") is None or not ESBUILD.exists():
        pytest.skip("node is not installed, or `make setup` has not run")
    built = tmp_path_factory.mktemp("amounts") / "amounts.mjs"
    typed = [ESBUILD, "web/amounts.ts", "--bundle", "--format=esm", "--log-level=error"]
    subprocess.run([*typed, f"--outfile={built}"], check=True)
    process = subprocess.Popen(
        ["node", "--input-type=module", "-e", SCRIPT, built.as_uri()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def ask(way, value):
        print(json.dumps([way, value]), file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())

    yield ask
    process.kill()
    process.wait()


def command(read, text):
    try:
        return str(read(text, 7))
    except BadAmount as error:
        return str(error)


@settings(max_examples=400, deadline=None)
@given(TYPED)
def test_amounts_are_read_alike(app, text):
    assert app("assets", text) == command(to_assets, text)
    assert app("shares", text) == command(to_shares, text)


@settings(max_examples=300, deadline=None)
@given(NUMBERS)
def test_amounts_are_shown_alike(app, number):
    assert app("money", str(number)) == money(number)
    assert app("sharesText", str(number)) == shares_text(number)
    assert app("sharesTextUp", str(number)) == shares_text_up(number)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 65_535), st.integers(0, 10**7), st.integers(0, 4 * 10**9))
def test_rates_and_times_are_shown_alike(app, bps, seconds, timestamp):
    assert app("percent", bps) == f"{bps / 100:g} %"
    assert app("hours", seconds) == hours_text(seconds)
    assert abs(float(hours_text(seconds)) - seconds / HOUR) < 0.0501
    assert app("moment", timestamp) == moment(timestamp)


def test_units_are_those_of_the_package(app):
    assert app("assets", "1") == str(MICRO) and app("shares", "1") == str(SHARE)


def test_bounds_are_those_of_the_contract_and_the_package():
    """Each stands in several languages, or in parts that must not ask each other."""
    waiting = _written("contracts/modules/requests.vy", r"MAX_WAITING: constant\(uint256\) = (\d+)")
    assert _written("web/vault.ts", r"MOST_WAITING = (\d+)") == waiting
    assert MOST_WAITING == queues.MOST_WAITING == simulated_requests.MOST_WAITING == int(waiting)
    assert _written("web/sending.ts", r"MOST_GAS = 2n \*\* (\d+)n") == "24" and MOST_GAS == 2**24


def _written(path, pattern):
    return re.search(pattern, Path(path).read_text())[1]
