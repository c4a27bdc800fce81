"""deploy/: what programs that are not ours say of the files.

systemd reads the units, Prometheus and Alertmanager their configuration, docker-compose the
containers. No container engine is here, so no image is built and no container is started; `make
operate` runs the same parts as processes.
"""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from strongroom.cli.main import command
from strongroom.keeper.alerts import WORTH
from strongroom.keeper.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVERS = ["strongroom-cosigner", "strongroom-keeper"]
EXPOSED = 20  # tenths, of 100: what systemd calls "OK" ends at 50
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program} here")


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def sections(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


def takes(words):
    """A command of ours takes these words."""
    found, context = command, click.Context(command)
    words = list(words)
    while isinstance(found, click.Group):
        found = found.get_command(context, words.pop(0))
    found.make_context("deploy", words)


def test_each_process_has_a_unit():
    names = ["strongroom-backup", SERVERS[0], "strongroom-failed@", SERVERS[1]]
    assert [path.stem for path in UNITS] == names


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_of_ours_and_has_no_secret(path):
    service = sections(path)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "strongroom" and "PASSPHRASE=" not in path.read_text()
    takes(words)


def environment(name):
    """The files of variables that a unit reads; a dash: where there is one."""
    text = (DEPLOY / "systemd" / f"{name}.service").read_text()
    return re.findall(r"^EnvironmentFile=(\S+)$", text, re.M)


def test_a_keeper_has_the_variables_of_its_messages():
    """Without them it does not start; whoever tells of a failed unit reads the same file."""
    (told,) = environment("strongroom-failed@")
    assert environment(SERVERS[1]) == ["/etc/strongroom/keeper.env", told] and told[0] == "-"


def test_the_manual_names_each_file_of_variables_and_installs_what_the_units_need():
    manual = (DEPLOY.parent / "docs" / "operations.md").read_text()
    systemd = manual[manual.index("Without containers, ") :].partition("\n## ")[0]
    named = {Path(each).name for path in UNITS for each in environment(path.stem)}
    assert named == set(re.findall(r"`(\w+\.env)`", systemd))
    (extras,) = re.findall(r"\.whl\)(\[\w+\])", (DEPLOY / "Dockerfile").read_text())
    (installed,) = re.findall(r"bin/pip install '\S+\.whl(\S*)'", systemd)
    assert installed == extras, "a journal in PostgreSQL needs its driver there, too"


def test_a_backup_that_fails_is_told_and_has_no_passphrase():
    unit = sections(DEPLOY / "systemd" / "strongroom-backup.service")
    assert unit["Unit"]["OnFailure"] == "strongroom-failed@%n.service"
    assert unit["Service"]["EnvironmentFile"] == "-/etc/strongroom/backup.env"
    told = sections(DEPLOY / "systemd" / "strongroom-failed@.service")["Service"]
    assert told["ExecStart"].endswith("keeper try-notify keeper.toml --failed %i")
    backup = COMPOSE["services"]["backup"]
    assert backup["env_file"] == "backup.env"
    assert {each.split(":")[0] for each in backup["volumes"]} == {
        "./keeper/keeper.toml", "./keeper/backups",
    }  # fmt: skip


def test_what_starts_again_by_itself_has_the_mode_of_its_file():
    assert COMPOSE["services"]["keeper"]["command"] == ["keeper", "start", "keeper.toml"]
    unit = sections(DEPLOY / "systemd" / "strongroom-keeper.service")["Service"]
    assert unit["ExecStart"].endswith("strongroom keeper start keeper.toml")
    started = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert len(started) > 8
    assert [path for path in started if re.search(r"--mode|MODE", path.read_text())] == []


def test_the_cosigner_is_well_only_when_it_could_sign():
    program, *words = COMPOSE["services"]["cosigner"]["healthcheck"]["test"][1:]
    assert program == "strongroom" and words[-1] == "--check"
    takes(words)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_started_again_and_ended_gently(name):
    unit = sections(DEPLOY / "systemd" / f"{name}.service")
    service = unit["Service"]
    assert service["Restart"] == "on-failure" and unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["KillSignal"] == "SIGTERM" and int(service["TimeoutStopSec"]) >= 30
    assert service["User"] == name


@needs("systemd-analyze")
def test_systemd_reads_the_units_and_finds_little_exposed(tmp_path):
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/strongroom/bin/strongroom", "/bin/true")
        (tmp_path / path.name).write_text(text)
    files = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True)
    assert "strongroom" not in done.stderr, done.stderr
    services = [each for each in files if each.endswith(".service")]
    run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSED}", *services)


@needs("docker-compose")
def test_compose_reads_the_containers(tmp_path):
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    for name in ("keeper.env", "cosigner.env", "backup.env"):
        (tmp_path / "deploy" / name).touch()
    done = run("docker-compose", "--file", str(tmp_path / "deploy" / "compose.yaml"), "config")
    assert set(yaml.safe_load(done.stdout)["services"]) == set(COMPOSE["services"])


def test_only_the_keeper_reaches_the_cosigner():
    services = COMPOSE["services"]
    mine = set(services["cosigner"]["networks"])
    sharing = {name for name, each in services.items() if mine & set(each["networks"])}
    assert sharing == {"cosigner", "keeper"}
    assert mine & set(services["keeper"]["networks"]) == {"signing"}
    assert COMPOSE["networks"]["signing"]["internal"]


def test_containers_run_our_commands_with_no_more_rights_than_they_need():
    services = COMPOSE["services"]
    for name in ("keeper", "cosigner"):
        takes(services[name]["command"])
        assert services[name]["read_only"] and services[name]["healthcheck"]
    (loop,) = services["backup"]["command"]
    takes(re.search(r"strongroom (.*);", loop).group(1).split())
    for each in services.values():
        assert "privileged" not in each and each["logging"]["options"]["max-size"]
        assert all(":" in each["image"] or each["image"] == "strongroom" for _ in "x")
        assert all(port.startswith("127.0.0.1:") for port in each.get("ports", ()))


def test_every_file_that_a_container_mounts_is_there_or_an_operators():
    own = ("./keeper", "./cosigner")
    for each in COMPOSE["services"].values():
        for mount in each.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./") and not source.startswith(own):
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("./"):
                assert source in COMPOSE["volumes"]


def test_the_image_takes_locked_versions_and_is_no_root():
    text = (DEPLOY / "Dockerfile").read_text()
    (pattern,) = re.findall(r"sed -nE '(.*?)'", text)
    lock = DEPLOY.parent / "requirements.lock"
    lines = run("sed", "-nE", pattern, str(lock)).stdout.splitlines()
    names = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[.*\])?==", lock.read_text(), re.M)
    assert len(lines) == len(names) and "sqlalchemy==" in " ".join(lines)
    assert re.search(r"^USER 10001$", text, re.M)


@needs("promtool")
def test_prometheus_reads_its_configuration_and_the_rules():
    run("promtool", "check", "config", str(DEPLOY / "prometheus.yml"))
    run("promtool", "check", "rules", str(DEPLOY / "rules.yml"))


def rules():
    return yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"][0]["rules"]


def test_each_alert_says_how_urgent_it_is_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


MINUTE = 4  # samples
NANS = re.compile(r"NaNx(\d+)")  # which promtool does not know
VALUE = re.compile(r"\{\{ \$value.*?\}\}")

# alert -> its series by hand (of instance k, a sample each 15 s), labels beside the instance,
# minutes in which it is silent, minutes in which it fires
CASES = {
    "KeeperDown": ({'up{job="strongroom"': "1x20 0x20"}, {"job": "strongroom"}, (5,), (6.5,)),
    "KeeperSilent": (
        {"strongroom_last_tick_timestamp_seconds{": "0+15x20 300x40",
         "strongroom_started_timestamp_seconds{": "0x60"},
        {}, (5, 7), (8.5, 12),
    ),
    "KeeperSilent, in its first tick": (
        {"strongroom_last_tick_timestamp_seconds{": "NaNx60",
         "strongroom_started_timestamp_seconds{": "0x60"},
        {}, (2, 5), (6.5, 12),
    ),
    "NothingCanBeSigned": (
        {"strongroom_signers_ready{": "_x16 1x8 0x16"}, {}, (3, 6.5), (8,),
    ),
    "Halted": ({'strongroom_halted{what="venue"': "1x80"}, {"what": "venue"}, (9,), (11,)),
    "Halted, by a person": ({'strongroom_halted{what="stop"': "1x80"}, {}, (11, 20), ()),
    "LossesNearCap": (
        {"strongroom_losses_assets{": "40x20 60x60", "strongroom_total_cap_assets{": "100x80"},
        {}, (4,), (7,),
    ),
    "TradesUndone": (  # known from the second sample on; away for a minute, and one more since
        {"strongroom_reversed_trades{": "NaN 2x20 NaNx4 3x300"}, {}, (1, 4, 6, 70), (7, 30, 60),
    ),
    "TradesUndone, none": (
        {"strongroom_reversed_trades{": "NaN 2x20 NaNx4 2x300"}, {}, (1, 6, 7, 30, 70), (),
    ),
    "RecordsRefused": (
        {'strongroom_refused_records{reason="version v3"': "_x20 7x400"},
        {"reason": "version v3"}, (4, 70), (6, 60),
    ),
    "RecordsRefused, more of them": (
        {'strongroom_refused_records{reason="version v3"': "7x300 8x40 0x40"},
        {"reason": "version v3"}, (70, 88), (76, 84),
    ),
    "BackupOld": ({"strongroom_last_backup_timestamp_seconds{": "0x800"}, {}, (180,), (190,)),
    "BackupOld, made again": (
        {"strongroom_last_backup_timestamp_seconds{": "0x720 10800x200"}, {}, (100, 190), (),
    ),
    "NoBackup": ({"strongroom_last_backup_timestamp_seconds{": "NaNx800"}, {}, (170,), (190,)),
    "NoBackup, one was made": (
        {"strongroom_last_backup_timestamp_seconds{": "NaNx240 3600x560"}, {}, (190,), (),
    ),
    **{
        name: (
            {f'strongroom_events_total{{event="{event}"': "0x10 1x300"},
            {"event": event}, (2, 70), (4,),
        )
        for name, event in (
            ("NavDiffers", "nav_differs"), ("NavUnknown", "nav_unknown"),
            ("AccountUnanswered", "unanswered"), ("FillsUnseen", "fills_unseen"),
            ("SafeUsedByAnother", "safe_used_by_another"),
        )
    },
}  # fmt: skip


def repeated(found):
    return " ".join(["NaN"] * (1 + int(found.group(1))))


def played(name):
    """Return a case as Prometheus plays it; its words are the rule's, but for a value."""
    series, labels, silent, fires = CASES[name]
    alert = name.partition(",")[0]
    (rule,) = (each for each in rules() if each["alert"] == alert)
    mine = {"instance": "k", **labels}
    words = {
        key: re.sub(
            r"\{\{ \$labels\.(\w+) \}\}",
            lambda found: mine.get(found.group(1), found.group()),
            VALUE.sub("VALUE", text),
        )
        for key, text in rule["annotations"].items()
    }
    asked = [
        {
            "eval_time": f"{minute * 60:g}s",
            "alertname": alert,
            "exp_alerts": [{"exp_labels": rule["labels"] | mine, "exp_annotations": words}]
            if minute in fires
            else [],
        }
        for minute in (*silent, *fires)
    ]
    return {
        "interval": f"{60 // MINUTE}s",
        "input_series": [
            {
                "series": each + ("" if each.endswith("{") else ",") + 'instance="k"}',
                "values": NANS.sub(repeated, values),
            }
            for each, values in series.items()
        ],
        "alert_rule_test": asked,
    }


@needs("promtool")
def test_alerts_fire_on_their_reason_and_not_before(tmp_path):
    """Series written by hand, played by Prometheus itself; each case with its own rule alone."""
    files = []
    for number, name in enumerate(CASES):
        own, case = tmp_path / f"rules{number}.yml", tmp_path / f"case{number}.yml"
        (rule,) = (each for each in rules() if each["alert"] == name.partition(",")[0])
        group = {"groups": [{"name": "strongroom", "rules": [rule]}]}
        own.write_text(VALUE.sub("VALUE", yaml.safe_dump(group, width=1_000)))
        case.write_text(yaml.safe_dump(
            {"evaluation_interval": "15s", "rule_files": [str(own)], "tests": [played(name)]}
        ))  # fmt: skip
        files.append(str(case))
    run("promtool", "test", "rules", *files)


def test_each_alert_asks_for_a_number_that_a_keeper_has():
    metrics = Metrics()
    metrics.watch_backups(lambda: None)
    names = {each.name for each in metrics.registry.collect()}
    for rule in rules():
        for name in set(re.findall(r"strongroom_\w+", rule["expr"])):
            assert name.removesuffix("_total") in names, rule["alert"]
        for event in re.findall(r'event="(\w+)"', rule["expr"]):
            assert event in WORTH, rule["alert"]  # counted from 0 on, so that the first is a rise


@needs("amtool")
def test_alertmanager_reads_its_configuration_and_wakes_a_person_for_what_is_critical():
    config = str(DEPLOY / "alertmanager.yml")
    run("amtool", "check-config", config)
    for severity, receiver in (("critical", "person"), ("warning", "morning")):
        routed = run("amtool", "config", "routes", "test", f"--config.file={config}",
                     f"severity={severity}")  # fmt: skip
        assert routed.stdout.strip() == receiver


def test_the_dashboard_has_what_grafana_wants():
    """Its schema is Grafana's own code, which no registry has: ids, places and targets by hand."""
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 15
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24 and panel["targets"] and panel["title"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells
    files = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((files / "datasources" / "prometheus.yaml").read_text())
    uid = source["datasources"][0]["uid"]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {uid}
    folder = yaml.safe_load((files / "dashboards" / "strongroom.yaml").read_text())
    place = folder["providers"][0]["options"]["path"]
    assert any(f":{place}/" in mount for mount in COMPOSE["services"]["grafana"]["volumes"])
