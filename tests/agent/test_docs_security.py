"""The numbers of docs/security.md, reckoned anew; and the sentences that were false are gone."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path

from strongroom.chain.terms import GRACE_S, Limits

from tests.defaults import DAY, UNIT

TEXT = " ".join(Path("docs/security.md").read_text().split())
DEFAULTS = Limits(total_cap=500_000 * UNIT, velocity=100_000 * UNIT)
NAV = 1_000_000
# Sentences that were false of the first vault (a search in all texts: words may stand nowhere).
FALSE = (
    "budget that is lost counts as exposure for ever",
    "contradict a payout;",
    "price requests made after his report is known",
    "move NAV within the bounds of a report and a day",
    "before any announced change, whatever keeper and reporter",
    "takes it back until the next report",
    "is your notice",
    "gift changes no price",
    "gift to the holders",
    "orders of earlier epochs stay dead",
    "request not overdue",
)


def said(number, *, near):
    """Assert that the page says a number within the words that follow `near`."""
    text = f"{number:,.2f}".removesuffix(".00")
    place = TEXT.index(near)
    assert re.search(rf"(?<![\d,.]){re.escape(text)}(?!\d|[,.]\d)", TEXT[place : place + 700]), text


def bps(name):
    return Fraction(getattr(DEFAULTS, name), 10_000)


def test_the_loss_bound():
    losses, accounts = 40_000, {"A": (120_000, 180_000), "B": (80_000, 50_000)}
    counts = sum(max(pair) for pair in accounts.values())
    cap = min(DEFAULTS.total_cap // UNIT, NAV * bps("total_cap_bps"))
    velocity = min(DEFAULTS.velocity // UNIT, NAV * bps("velocity_bps"))
    headroom = cap - sum(cost for cost, _ in accounts.values()) - losses
    assert (counts, headroom, velocity) == (260_000, 260_000, 100_000)
    near = "The headroom is"
    said(headroom, near=near)
    said(counts + velocity, near=near)
    said(counts + headroom, near=near)


def test_what_leaving_in_cash_pays():
    idle, cost, worth, shares, mine = 600_000, 400_000, 300_000, 1_000_000, 100_000
    near = "Idle is 600,000, exposure 400,000"
    said((idle + cost) * mine // shares, near=near)
    said((idle + worth) * mine // shares, near=near)
    said((cost - worth) * mine // shares, near=near)


def test_what_an_entrant_overpays_and_a_leaver_forfeits():
    dearest = 1 + bps("max_up_bps")
    assert dearest == 1 + bps("max_premium_bps")
    got = 10_000 / dearest
    near = "Somebody asks to deposit 10,000"
    said(float(got), near=near)
    said(float(10_000 - got), near=near)
    said(float(got * Fraction(9, 10)), near=near)
    said(float(10_000 * (1 - bps("max_down_bps"))), near="asks to redeem 10,000 shares")


def test_what_a_days_newcomers_take_of_a_hidden_profit():
    room = max(NAV * bps("max_inflow_bps"), DEFAULTS.inflow_floor // UNIT)
    hidden = 200_000 - 100_000
    # they hold room / (NAV + room) of the shares, and so of the hidden profit
    said(float(room / (NAV + room) * hidden), near="NAV at the bid is 1,000,000, the room")


def test_what_leaves_in_kind():
    part = Fraction(100_000, 1_000_000) * (1 - bps("exit_fee_bps"))
    near = "A holder has 100,000 of 1,000,000 shares"
    for held in (600_000, 50_000, 200_000):
        said(float(held * part), near=near)
    said(float(100_000 * bps("exit_fee_bps")), near=near)


def test_a_gift_counts_up_to_cost():
    said(min(4_000 + 9_000, 10_000) - 4_000, near="a market cost 10,000 and is worth 4,000")


def test_an_announcement_that_is_renewed_for_ever():
    delay, week = 3, GRACE_S // DAY
    ready, lapses, again = delay, delay + week, delay + week + delay
    assert f"it can be made from day {ready} to day {lapses}" in TEXT
    assert f"submitted again on day {again} and made from day {again + delay}" in TEXT
    assert (again, again - week) == (13, 6) and "six days in thirteen" in TEXT


def test_junk_at_a_cent_reaches_the_premium():
    assert 10_000_000 * Fraction(1, 100) == NAV * bps("max_premium_bps") == 100_000


def test_false_sentences_are_gone():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
    kinds = (".md", ".vy", ".vyi", ".py", ".html", ".toml")
    found = {}
    for name in listed.stdout.splitlines():
        if not name.endswith(kinds) or name.startswith("tests/"):
            continue
        text = " ".join(re.sub(r"^\s*#? ?", "", line) for line in _lines(name))
        hits = [each for each in FALSE if each in " ".join(text.split())]
        if hits:
            found[name] = hits
    assert found == {}


def _lines(name):
    path = Path(name)
    return path.read_text().splitlines() if path.exists() else []
