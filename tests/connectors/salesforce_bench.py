"""A Salesforce org over real HTTP, reached through the real client library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from crm_audit.config import Connection
from crm_audit.connectors.base import Gap, Page, Reading
from crm_audit.connectors.salesforce import SalesforceConnector, connect
from crm_audit.domain import Deal, Event, Record
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.faults import Delay, Faults
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.server import Deliver, Response, plainly, serve
from crm_audit.emulator.transport import Loopback

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
STAGE = "Negotiation/Review"
LOGIN = {"consumer_key": "SF_KEY", "consumer_secret": "SF_SECRET"}

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Edited(Delay):
    """Lets the org answer a composite, and puts something else in the place of the parts that have this in them."""

    having: str = ""
    status: int = 200
    body: object = None

    def act(self, ask: Callable[[], Response]) -> tuple[Response, Deliver]:
        answer = ask()
        assert isinstance(answer.body, dict)
        for part in answer.body["compositeResponse"]:
            if self.having in str(part["body"]):
                part |= {"httpStatusCode": self.status, "body": self.body}
        return answer, plainly


@dataclass
class Bench:
    """An org, and connectors to it."""

    org: SalesforceOrg
    faults: Faults
    clock: Clock
    base: str
    slept: list[float] = field(default_factory=list)

    def connection(self, **settings: object) -> Connection:
        """The settings of a connection to this org."""
        options: Any = settings.pop("options", {})
        return Connection.model_validate(
            {
                "vendor": "salesforce",
                "emulator": self.base,
                "currency": "USD",
                "login": LOGIN,
                "options": {"domain": self.org.domain, **options},
                **settings,
            }
        )

    def environ(self) -> Mapping[str, str]:
        """The secrets, where a connection looks for them."""
        house = self.org.gatehouse
        return {"SF_KEY": house.client_id, "SF_SECRET": house.client_secret}

    def connector(self, **settings: object) -> SalesforceConnector:
        """A connector whose sleep lets the org's time pass."""
        return self.connect(self.connection(**settings), self.environ())

    def connect(self, connection: Connection, environ: Mapping[str, str]) -> SalesforceConnector:
        """The same, with secrets of one's own."""
        session = Loopback(connection.emulator or self.base).session()
        return connect(connection, environ=environ, session=session, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let the org's time pass."""
        self.slept.append(seconds)
        self.clock.advance(seconds=seconds)

    def make(self, name: str, /, **fields: object) -> str:
        """A record as a user of the org makes it."""
        given: Any = fields
        return self.org.insert(name, **given)

    def change(self, deal: str, **fields: object) -> None:
        """Edit a deal as a user of the org does."""
        self.org.update("Opportunity", deal, **fields)

    def add(self, name: str, field: str, *, spelling: str) -> None:
        """A field of the admin's own."""
        self.org.add_field(name, field, spelling=spelling)

    def account(self, **fields: object) -> str:
        """A buying company."""
        return self.make("Account", **{"Name": "Acme Freight", **fields})

    def person(self, first: str = "Dana", **fields: object) -> str:
        """A contact of the buyer's."""
        given = {"FirstName": first, "LastName": "Invented", "Email": f"{first.lower()}@acme.example", **fields}
        return self.make("Contact", **given)

    def deal(self, name: str = "Acme rollout", **fields: object) -> str:
        """An open deal."""
        usual = {"StageName": STAGE, "CloseDate": "2026-06-30", "Amount": 100_000}
        return self.make("Opportunity", Name=name, **{**usual, **fields})


@contextmanager
def bench(*, zone: str = "America/New_York", **features: bool) -> Iterator[Bench]:
    """A new org with a clock at NOW, served on loopback."""
    clock = Clock(NOW)
    org = SalesforceOrg(clock, zone=zone, currency="USD", name="Example Sales Org", **features)
    faults = Faults()
    with serve(org, faults=faults) as base:
        yield Bench(org, faults, clock, base)


class Blank:
    """A store that holds nothing yet."""

    def records(self, kind: str, ids: Iterable[str]) -> Mapping[str, Record]:
        return {}

    def open_deals(self) -> Iterator[Sequence[str]]:
        return iter(())

    def deals_of(self, people: Iterable[str]) -> Sequence[str]:
        return ()

    def hashed(self, text: str) -> str:
        return text[:16]


def first() -> Reading:
    """What the first run asks."""
    return Reading(started=NOW, known=Blank())


def read(connector: SalesforceConnector, reading: Reading | None = None) -> list[Page]:
    """All pages of a reading without gaps."""
    told = list(connector.read(reading or first()))
    gaps = [each for each in told if isinstance(each, Gap)]
    assert not gaps
    return [each for each in told if isinstance(each, Page)]


def gaps(connector: SalesforceConnector, reading: Reading | None = None) -> dict[str, str]:
    """What a reading could not read to its end, and why."""
    return {each.kind: each.reason for each in connector.read(reading or first()) if isinstance(each, Gap)}


def pulled(connector: SalesforceConnector, kind: str) -> list[Record]:
    """All records of a kind, as a first run reads them; the first gap of that kind is raised as the error it was."""
    rows: list[Record] = []
    for each in connector.read(first()):
        if isinstance(each, Gap):
            assert each.kind != kind, each.reason
        elif each.kind == kind:
            rows += each.rows
    return rows


def events(connector: SalesforceConnector) -> dict[str, Event]:
    """All events by their kind; of each kind there must be one at most."""
    found = [each for each in pulled(connector, "events") if isinstance(each, Event)]
    assert len({each.kind for each in found}) == len(found)
    return {each.kind: each for each in found}


def the_deal(connector: SalesforceConnector) -> Deal:
    """The only deal."""
    (deal,) = pulled(connector, "deals")
    assert isinstance(deal, Deal)
    return deal
