"""The devnet's own deployment, as `strongroom deploy` records it: an example to hold others
against."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from strongroom.deployment.plan import ClassSection, Plan, TermsSection
from strongroom.deployment.steps import Deployment
from strongroom.devnet import polymarket
from strongroom.devnet.contracts import Venue
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys

ROLES = {"owner": 1, "guardian": 2, "reporter": 4, "fee_recipient": 5}  # devnet keys by number
KEEPER, ORACLE = 3, 6
STARTED_AT = datetime(2026, 1, 1, tzinfo=UTC)  # of its chain, so that the record is the same again


def reference_plan(venue: Venue) -> Plan:
    """Return a plan of a vault with one class of enforced accounts; its roles are devnet keys."""
    keys = devnet_keys()
    roles = {name: keys[number].address for name, number in ROLES.items()}
    account = (
        venue.exchange.address,
        venue.exchange_version,
        venue.ctf.address,
        venue.pusd.address,
        venue.usdc.address,
        venue.adapter.address,
        False,
    )
    return Plan(
        asset=venue.pusd.address,
        vault=TermsSection(
            name="Strongroom devnet vault",
            symbol="srDEV",
            total_cap=Decimal(50_000),
            velocity=Decimal(10_000),
            **roles,
        ),
        classes=(
            ClassSection(
                account="polymarket",
                arguments=account,
                oracle=keys[ORACLE].address,
                keeper=keys[KEEPER].address,
            ),
        ),
    )


def write_reference(record: Path) -> str:
    """Deploy on a devnet of its own, write the record, return the vault's address.

    Raises:
        ConfigError: the file is a record of something else.
        AnvilMissing, ArtifactMissing: something is not installed; the message says what brings it.
    """
    start = int(STARTED_AT.timestamp())
    with devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain:
        deployer = AnvilDeployer(devnet_keys()[0].account, chain)
        venue = polymarket.deploy(deployer, []).venue
        return Deployment(chain, deployer, reference_plan(venue), record).run()
