"""crm-audit.toml and the environment, as frozen settings. Secrets are named here and live in the environment."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Set
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from crm_audit.domain import LOST, ROLES, TOP, WON
from crm_audit.errors import FixConfig
from crm_audit.near import one_of
from crm_audit.zones import ZoneName

Ladder = Literal["shadow", "annotate", "warn", "block"]


def _rung(value: object) -> object:
    if value in (WON, LOST) or (type(value) is int and 0 <= value <= TOP):
        return value
    raise ValueError(f"{value!r} is no rung: write 0 to {TOP}, or {WON!r}, or {LOST!r}")


RungName = Annotated[int | str, BeforeValidator(_rung)]


def _variable(name: str) -> str:
    """Refuses what looks like the secret itself, and never repeats it."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError("write the name of an environment variable, such as ACME_TOKEN, and never the secret itself")
    return name


VariableName = Annotated[str, AfterValidator(_variable)]


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    raise ValueError(f'{value!r} is no time of the day: write "HH:MM", such as "01:30"')


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
"""A setting that names a minute of the day."""


def _interval(value: object) -> object:
    found = re.fullmatch(r"([1-9]\d{0,3})([mh])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is no interval: write whole minutes or hours, such as "2m" or "1h"')
    return timedelta(minutes=int(found[1]) * (60 if found[2] == "h" else 1))


Interval = Annotated[timedelta, BeforeValidator(_interval)]
"""A setting that says how often, in whole minutes."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Connection(_Frozen):
    """One connected CRM, or one folder of exports."""

    vendor: str  # whose records they are
    pack: str = "core"  # a built-in pack, or the folder of one
    ladder: Ladder = "shadow"  # how far we go: judge only, show it in the CRM, ask for a reason, or refuse the stage
    rule_ladders: Mapping[str, Ladder] = {}  # rule id -> ladder, where it differs from the connection's
    pipeline_ladders: Mapping[str, Ladder] = {}  # pipeline -> ladder; no rule goes further there than this
    gate_won: bool = False  # whether a stage that is won can be refused too
    arises: Mapping[str, RungName] = {}  # event kind, topic, role or field -> the rung from which on it can exist
    bypass: str | None = Field(default=None, min_length=1)  # the way past the gate; nothing is refused without one
    breaker_deals: int = Field(default=1000, ge=0)  # a plan that touches more waits for `writeback apply --plan`
    breaker_share: Decimal = Field(default=Decimal("0.3"), ge=0, le=1)  # and so does one above this share of open deals
    waiver_days: int = Field(default=90, ge=1)  # how far ahead a waiver may run
    snooze_days: int = Field(default=30, ge=1)  # how long "does not apply" puts a finding off where it names no day
    glass_hours: int = Field(default=72, ge=1)  # for how long a gate may be broken open at most
    nightly: TimeOfDay | None = None  # when `serve` audits it, in its zone's time; not set: by hand or by cron
    every: Interval | None = None  # how often `serve` reads what changed between two nights, such as "2m"
    zone: ZoneName | None = None  # in which the organisation's days begin; the CRM is asked where it is not set
    currency: str | None = None  # the corporate one, an ISO code; the CRM is asked where it is not set
    internal_domains: tuple[str, ...] = ()  # mail domains of the seller's own people
    source_days: int = Field(default=30, ge=1)  # a source that recorded nothing this long is not connected
    strict_meetings: bool = False  # only meetings marked as completed count as held
    sponsor_is_authority: bool = False  # an executive sponsor counts as the person who decides
    quota_share: Decimal = Field(default=Decimal("0.5"), gt=0, le=1)  # of the CRM's calls left today that a run may use
    emulator: str | None = None  # a loopback address; anything else is refused
    login: Mapping[str, VariableName] = {}  # what it takes -> name of the environment variable that holds it
    fields: Mapping[str, str] = {}  # our name -> the CRM's field
    roles: Mapping[str, Annotated[str, one_of(ROLES, "role")]] = {}  # the CRM's value or lookup field -> role
    topics: Mapping[str, tuple[str, ...]] = {}  # activity type or file tag -> topics
    ladders: Mapping[str, Mapping[str, RungName]] = {}  # pipeline ("*" for all) -> stage -> rung
    options: Mapping[str, object] = {}  # the vendor's own settings, checked by its connector


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if ":" in host:
        raise ValueError(f'{value!r} is an address of IPv6: write one of IPv4, such as "127.0.0.1:8787"')
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f'{value!r} is no address to listen at: write "127.0.0.1:8787"')
    return value


def _public(value: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s/?#]+)*", value):
        raise ValueError(
            f'{value!r} is no public address: write "https://audit.example.com", without a slash at its end'
        )
    return value


class Receiver(_Frozen):
    """Takes what CRMs send about changes, at `/webhooks/NAME` of connections that name a `login.webhook_secret`."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8787"  # behind your proxy, which speaks TLS
    url: Annotated[str, AfterValidator(_public)]  # the address by which CRMs call it: signatures are over that


class Settings(BaseSettings):
    """Everything that can be set. Environment variables (CRM_AUDIT_STORE) stand above the file."""

    model_config = SettingsConfigDict(env_prefix="CRM_AUDIT_", frozen=True, extra="forbid")

    store: str = "sqlite:///crm-audit.db"  # the address of the database, SQLite or PostgreSQL
    connections: Mapping[str, Connection] = {}  # name -> connection
    receiver: Receiver | None = None  # where `serve` takes webhooks; not set: nowhere


SIGNED_WITH = "webhook_secret"
"""What `login` calls the secret that signs what a CRM sends; it has nothing to do with how records read."""
SET_UP_WITH = "setup_token"
"""What `login` calls the token by which our properties are made, and nothing is read."""


def secret(connection: Connection, name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The secret that `login.<name>` names; FixConfig says which variable to set."""
    variable = connection.login.get(name)
    if variable is None:
        raise FixConfig(f"login.{name} is missing: name the environment variable that holds it")
    value = environ.get(variable, "").strip()
    if not value:
        raise FixConfig(f"the environment variable {variable} (login.{name}) is not set or empty")
    return value


def load(path: Path) -> Settings:
    """Read crm-audit.toml; FixConfig says which key is wrong and what it may be."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FixConfig(f"{path}: no such file; `crm-audit demo` writes one to look at") from None
    except OSError as error:
        raise FixConfig(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FixConfig(f"{path}: {error}") from None
    if "CRM_AUDIT_STORE" in os.environ:
        raw.pop("store", None)
    try:
        return Settings(**raw)
    except SettingsError:
        raise FixConfig("the environment variable CRM_AUDIT_CONNECTIONS is no JSON; unset it, or mend it") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FixConfig(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


READ_BY = {"vendor", "zone", "currency", "emulator", "login", "fields", "roles", "topics", "options"}
"""The settings on which it depends what a record reads like; all others only say how it is judged, and when."""


WRITE_BY = {"move_back", "pass_stages"}
"""Options by which nothing is read."""
WHEN = {"nightly", "every"}
"""The settings that only say when something is done."""


def digest(connection: Connection) -> str:
    """Names these settings, for a run to tell which it was made with; secrets are left out, and so is when it runs.

    What stands before the dot names those by which records are read: where it is the same, a later run goes on.
    """
    options = {name: value for name, value in connection.options.items() if name not in WRITE_BY}
    reading = connection.model_copy(update={"options": options})
    return f"{_named(reading, READ_BY)}.{_named(connection, Connection.model_fields.keys() - WHEN)}"


def read_alike(one: str, other: str) -> bool:
    """Whether records read like each other under the settings of two digests."""
    return one.partition(".")[0] == other.partition(".")[0]


def _named(connection: Connection, names: Set[str]) -> str:
    others = (SIGNED_WITH, SET_UP_WITH)
    reading = {name: variable for name, variable in connection.login.items() if not name.startswith(others)}
    connection = connection.model_copy(update={"login": reading})
    return hashlib.sha256(connection.model_dump_json(include=set(names)).encode()).hexdigest()[:12]
