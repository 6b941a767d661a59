"""Settings: each mistake says where, what and the likely fix; secrets stay in the environment."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from crm_audit.config import Connection, Receiver, Settings, digest, load, read_alike, secret
from crm_audit.errors import FixConfig

WHOLE = """
store = "sqlite:///audits.db"

[connections.org]
vendor = "salesforce"
ladder = "annotate"
zone = "Europe/Berlin"
internal_domains = ["seller.example"]
login = { consumer_key = "ORG_KEY", consumer_secret = "ORG_SECRET" }
roles = { "Economic Buyer" = "authority" }
topics = { Demo = ["demo", "evaluation"] }
rule_ladders = { CQ-MOM-AGE = "shadow" }

[connections.org.ladders."*"]
Prospecting = 0
"Negotiation/Review" = 5
"Closed Won" = "won"

[connections.export]
vendor = "files"
options = { folder = "export" }
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CRM_AUDIT_STORE", raising=False)
    return tmp_path / "crm-audit.toml"


def written(path: Path, text: str) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load(path)


def refusal(path: Path, text: str) -> str:
    with pytest.raises(FixConfig) as refused:
        written(path, text)
    return str(refused.value)


def test_a_whole_file(path: Path) -> None:
    settings = written(path, WHOLE)
    org = settings.connections["org"]
    assert settings.store == "sqlite:///audits.db"
    assert list(settings.connections) == ["org", "export"]
    assert (org.vendor, org.ladder, org.zone, org.pack) == ("salesforce", "annotate", "Europe/Berlin", "core")
    assert org.ladders["*"] == {"Prospecting": 0, "Negotiation/Review": 5, "Closed Won": "won"}
    assert org.topics == {"Demo": ("demo", "evaluation")}


def test_an_empty_file_is_all_defaults(path: Path) -> None:
    settings = written(path, "")
    assert settings.store == "sqlite:///crm-audit.db"
    assert settings.connections == {}


def test_whoever_says_little_writes_nothing_and_blames_nobody(path: Path) -> None:
    plain = written(path, '[connections.org]\nvendor = "hubspot"').connections["org"]
    assert plain.ladder == "shadow"
    assert plain.source_days == 30
    assert (plain.strict_meetings, plain.sponsor_is_authority) == (False, False)
    assert plain.emulator is None


ORG = '[connections.org]\nvendor = "salesforce"\n'
WRONG = {
    # text, what the message must name
    "an unknown key at the top": ("stores = 'x'", ["stores"]),
    "an unknown key of a connection": (ORG + "laddder = 'annotate'", ["connections.org.laddder"]),
    "no vendor": ("[connections.org]\npack = 'core'", ["connections.org.vendor"]),
    "no such zone": (ORG + "zone = 'New York'", ["connections.org.zone", "New York", "America/New_York"]),
    "a folder of zones": (ORG + "zone = 'America'", ["connections.org.zone", "America/New_York"]),
    "no zone at all": (ORG + "zone = ''", ["connections.org.zone"]),
    "a path for a zone": (ORG + "zone = '../../etc/passwd'", ["connections.org.zone"]),
    "no such ladder": (ORG + "ladder = 'shout'", ["connections.org.ladder", "'shadow'", "'annotate'"]),
    "no such ladder for a rule": (ORG + "rule_ladders = { R-1 = 'loud' }", ["connections.org.rule_ladders.R-1"]),
    "no such role": (ORG + "roles = { Boss = 'authorty' }", ["connections.org.roles.Boss", "authorty", "authority"]),
    "a rung above the ladder": (ORG + "[connections.org.ladders.x]\nWon = 6", ["connections.org.ladders.x.Won"]),
    "a rung below it": (ORG + "[connections.org.ladders.x]\nNew = -1", ["connections.org.ladders.x.New"]),
    "a rung in words": (ORG + "[connections.org.ladders.x]\nNew = 'new'", ["connections.org.ladders.x.New", "won"]),
    "no days": (ORG + "source_days = 0", ["connections.org.source_days", "1"]),
    "days in words": (ORG + "source_days = 'many'", ["connections.org.source_days"]),
    "topics that are no list": (ORG + "topics = { Demo = 'demo' }", ["connections.org.topics.Demo"]),
    "a connection that is no table": ("[connections]\norg = 'salesforce'", ["connections.org"]),
    "connections that are a list": ("connections = []", ["connections"]),
}


@pytest.mark.parametrize(("text", "named"), WRONG.values(), ids=WRONG)
def test_a_mistake_says_where_and_what(path: Path, text: str, named: list[str]) -> None:
    said = refusal(path, text)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    for word in named:
        assert word in said, said


@pytest.mark.parametrize("text", ["store = ", "[connections.org", "a = 1\na = 2", "\u0000"])
def test_what_is_no_toml_says_where(path: Path, text: str) -> None:
    assert re.search(r"at line \d|at end of document", refusal(path, text))


def test_what_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"store = '\xff\xfe'")
    with pytest.raises(FixConfig, match=r"crm-audit\.toml"):
        load(path)


def test_a_file_that_is_not_there_says_how_to_get_one(path: Path) -> None:
    with pytest.raises(FixConfig, match="no such file; `crm-audit demo`"):
        load(path)


def test_a_folder_is_no_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(FixConfig, match=r"crm-audit\.toml"):
        load(path)


def test_the_environment_stands_above_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_AUDIT_STORE", "sqlite:///elsewhere.db")
    assert written(path, WHOLE).store == "sqlite:///elsewhere.db"
    assert written(path, "").store == "sqlite:///elsewhere.db"


@pytest.mark.parametrize("text", ["{", "nonsense"])
def test_connections_in_the_environment_have_to_be_json(path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CRM_AUDIT_CONNECTIONS", text)
    with pytest.raises(FixConfig, match="CRM_AUDIT_CONNECTIONS"):
        written(path, WHOLE)


def test_settings_do_not_change(path: Path) -> None:
    settings = written(path, WHOLE)
    with pytest.raises(ValidationError):
        settings.store = "sqlite:///other.db"
    with pytest.raises(ValidationError):
        settings.connections["org"].ladder = "annotate"


# --- secrets ---------------------------------------------------------------------------------------------------------

ORG_LOGIN = Connection(vendor="salesforce", login={"consumer_secret": "ORG_SECRET"})


def test_a_secret_is_found_where_the_settings_say() -> None:
    assert secret(ORG_LOGIN, "consumer_secret", {"ORG_SECRET": " s3cr3t \n"}) == "s3cr3t"


def test_a_login_that_names_no_variable_says_so() -> None:
    with pytest.raises(FixConfig, match=r"login\.consumer_key is missing"):
        secret(ORG_LOGIN, "consumer_key", {})


@pytest.mark.parametrize("environ", [{}, {"ORG_SECRET": ""}, {"ORG_SECRET": "  \n"}])
def test_a_variable_that_is_not_set_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(FixConfig, match=r"ORG_SECRET .*login\.consumer_secret.* is not set or empty"):
        secret(ORG_LOGIN, "consumer_secret", environ)


def test_secrets_are_in_nothing_that_is_shown_or_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(ORG_LOGIN)
    monkeypatch.setenv("ORG_SECRET", "s3cr3t")
    again = Connection(vendor="salesforce", login={"consumer_secret": "ORG_SECRET"})
    assert "s3cr3t" not in repr(again) + again.model_dump_json()
    assert digest(again) == before


def test_a_digest_names_exactly_these_settings() -> None:
    plain = Connection(vendor="salesforce")
    assert digest(plain) == digest(Connection(vendor="salesforce", pack="core"))
    others = {digest(Connection.model_validate({"vendor": "salesforce", name: value})) for name, value in CHANGES}
    assert len(others | {digest(plain)}) == len(CHANGES) + 1


def test_what_only_judges_leaves_the_name_of_what_is_read_alone() -> None:
    def read_by(name: str, value: object) -> str:
        return digest(Connection.model_validate({"vendor": "salesforce", name: value})).partition(".")[0]

    same = {name for name, value in CHANGES if read_by(name, value) == read_by("vendor", "salesforce")}
    assert same == {"source_days", "ladder", "strict_meetings", "ladders"}


CHANGES: list[tuple[str, object]] = [
    ("source_days", 31),
    ("ladder", "annotate"),
    ("zone", "UTC"),
    ("strict_meetings", True),
    ("roles", {"Boss": "authority"}),
    ("ladders", {"*": {"New": 0}}),
    ("options", {"folder": "x"}),
]


def test_a_secret_in_the_place_of_a_name_is_refused_and_never_repeated(tmp_path: Path) -> None:
    for pasted in ("pat-na1-0000", "3MVG9.invented", "a1b2c3", "Acme_Token"):
        path = tmp_path / "crm-audit.toml"
        path.write_text(f'[connections.acme]\nvendor = "hubspot"\nlogin = {{ access_token = "{pasted}" }}\n', "utf-8")
        with pytest.raises(FixConfig, match="the name of an environment variable") as refused:
            load(path)
        assert pasted not in str(refused.value)
        assert "login.access_token" in str(refused.value)


def test_the_time_of_the_nights_is_a_time_of_the_day(path: Path) -> None:
    org = written(path, WHOLE.replace('zone = "Europe/Berlin"', 'nightly = "01:30"')).connections["org"]
    assert org.nightly == time(1, 30)
    assert written(path, WHOLE).connections["org"].nightly is None  # only by hand


@pytest.mark.parametrize("value", ['"1:30"', '"24:00"', '"01:60"', '"01:30:00"', '"at night"', '""', "130", "01:30:00"])
def test_anything_else_is_none(path: Path, value: str) -> None:
    said = refusal(path, WHOLE.replace('zone = "Europe/Berlin"', f"nightly = {value}"))
    assert "connections.org.nightly: " in said
    assert 'is no time of the day: write "HH:MM", such as "01:30"' in said


@pytest.mark.parametrize(
    "more",
    [
        {"every": "2m"},
        {"login": {"webhook_secret": "HOOK"}},
        {"login": {"setup_token": "SETUP"}},
        {"options": {"move_back": ["default"]}},
        {"options": {"pass_stages": ["contractsent"]}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_done_between_the_nights_leaves_what_was_read_as_it_is(more: dict[str, object]) -> None:
    given = {"vendor": "hubspot"}
    plain, other = digest(Connection.model_validate(given)), digest(Connection.model_validate({**given, **more}))
    assert read_alike(plain, other)
    assert (plain == other) is ("options" not in more)  # by which the run is told, though nothing is read by it


@pytest.mark.parametrize("listen", ["[::1]:8787", "::1:8787", "[::]:8787"])
def test_a_receiver_listens_at_no_address_of_ipv6(listen: str) -> None:
    with pytest.raises(ValueError, match="IPv6"):
        Receiver(listen=listen, url="https://audit.example")


@pytest.mark.parametrize("listen", ["8787", "localhost", ":1", "x:99999", "x:y"])
def test_a_receiver_listens_at_an_address(listen: str) -> None:
    with pytest.raises(ValueError, match="no address to listen at"):
        Receiver(listen=listen, url="https://audit.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://audit.example",
        "https://audit.example/",
        "https://a.example?x",
        "https://u@a.example",
        "audit.example",
        "",
    ],
)
def test_a_receiver_has_a_public_address(url: str) -> None:
    with pytest.raises(ValueError, match="no public address"):
        Receiver(url=url)
    assert Receiver(url="https://audit.example/crm").url == "https://audit.example/crm"


def test_another_time_of_the_nights_leaves_what_was_read_as_it_is() -> None:
    """Whatever changes the digest has everything read anew."""
    given = {"vendor": "files"}
    assert digest(Connection.model_validate({**given, "nightly": "01:30"})) == digest(Connection.model_validate(given))
