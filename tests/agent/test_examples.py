"""The annotated examples are configurations that load, with every section that there is."""

from pathlib import Path

from strongroom.cosigner.service import load as load_cosigner
from strongroom.keeper.configuration import Config, load
from strongroom.keeper.wiring import make_packs, reporting_of, rules_of

EXAMPLES = Path("docs/examples")


def test_the_keepers_example_loads_and_names_every_section():
    config = load(EXAMPLES / "keeper.toml")
    text = (EXAMPLES / "keeper.toml").read_text()
    for name in Config.model_fields:
        assert f"[{name}" in text or f"\n{name} = " in text, f"{name} is missing"
    assert [pack.name for pack in make_packs(config.packs)][:2] == ["dutch", "bundle"]
    assert rules_of(config).limits.event_bps == 1_500
    assert reporting_of(config).method.reference_size == 100 * 10**6
    assert config.operations.mode == "paper"


def test_the_cosigners_example_loads():
    config = load_cosigner(EXAMPLES / "cosigner.toml")
    assert config.policy.quiet_hours == ("22:00-06:00",)
    assert config.listen == f"unix:{EXAMPLES / 'cosigner.sock'}"
