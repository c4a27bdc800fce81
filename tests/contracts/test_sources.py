"""What the sources of the product's contracts keep to, read from their text."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path("contracts")
SOURCES = [*ROOT.glob("*.vy"), *ROOT.glob("modules/*.vy"), *ROOT.glob("accounts/*.vy")]
CONSTANT = re.compile(r"^(\w+): (?:public\()?constant\(", re.M)
# Names that mean another thing in each module: none may be added that means the same.
APART = {"COUNT", "MAX_RETURN"}


def test_each_constant_stands_once():
    found = Counter(name for path in SOURCES for name in CONSTANT.findall(path.read_text()))
    assert {name for name, times in found.items() if times > 1} <= APART


def test_widths_and_scales_are_written_in_units_alone():
    number = re.compile(r"2\*\*\d+ - 1|\b10_000\b|\b86_400\b|\b65_535\b|10\*\*18|10\*\*24")
    meant = {"fees.vy": ["10_000", "10**18"]}  # a cap of the hurdle; an empty vault's price
    for path in SOURCES:
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        code = re.sub(r'""".*?"""', "", code, flags=re.S)
        if path.name != "units.vy":
            assert number.findall(code) == meant.get(path.name, []), path
