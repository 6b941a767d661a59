"""The invented company: the same for the same seed, and every planted story judged as it was meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crm_audit import pipeline
from crm_audit.config import load
from crm_audit.connectors import connect
from crm_audit.emulator.company import SEED_STORY, Crms, Deal, furnish, invent
from crm_audit.emulator.company.deal import LOST, RUNGS, UNKNOWN, WON
from crm_audit.emulator.company.names import OWNERS, SELLER, SILENT
from crm_audit.emulator.company.stories import STORIES
from crm_audit.emulator.server import serve
from crm_audit.explain import Finding
from crm_audit.packs import load as load_pack
from crm_audit.pipeline import Job, Report
from crm_audit.pull import pull
from crm_audit.store import Start, Store
from crm_audit.summary import Line, Summary, summarise

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
SALESFORCE, HUBSPOT = "salesforce", "hubspot"
BOTH = pytest.mark.parametrize("crm", [SALESFORCE, HUBSPOT])


@dataclass(frozen=True)
class Audited:
    """One CRM of the company after a pull and an audit."""

    report: Report
    summary: Summary
    planted: dict[str, Deal]

    def lines(self, story: str) -> list[tuple[Deal, Line]]:
        return [(self.planted[line.id], line) for line in self.summary.lines if self.planted[line.id].story == story]

    def findings(self, line: Line) -> dict[str, Finding]:
        return {finding.rule: finding for finding in self.report.findings if finding.deal == line.id}


@pytest.fixture(scope="module")
def crms() -> Crms:
    return furnish(invent(), NOW)


@pytest.fixture(scope="module")
def audits(crms: Crms, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Audited]]:
    """Both CRMs through the real client libraries into one store, judged by the core pack."""
    place = tmp_path_factory.mktemp("company")
    with (
        serve(crms.org) as org_at,
        serve(crms.portal) as portal_at,
        Store.open(f"sqlite:///{place / 'company.db'}") as store,
    ):
        (place / "crm-audit.toml").write_text(crms.settings(org_at=org_at, portal_at=portal_at), encoding="utf-8")
        yield {name: _audited(crms, store, name=name, place=place) for name in (SALESFORCE, HUBSPOT)}


def _audited(crms: Crms, store: Store, *, name: str, place: Path) -> Audited:
    connection = load(place / "crm-audit.toml").connections[name]
    connector = connect(connection, environ=crms.secrets(), root=place)
    run = pull(connector, store, start=Start(connection=name, started=NOW, config="test"), now=lambda: NOW)
    assert run.status == "complete"
    report = pipeline.check(store, Job(name, connection, load_pack("core")), as_of=NOW)
    planted = {SALESFORCE: crms.in_org, HUBSPOT: crms.in_portal}[name]
    return Audited(report, summarise(report.audit, report.findings), planted)


# The company


def test_the_same_seed_gives_the_same_company() -> None:
    assert invent(3) == invent(3)
    assert invent(3) != invent(4)


def test_the_same_company_gives_the_same_records() -> None:
    first, second = furnish(invent(), NOW), furnish(invent(), NOW)
    for name in ("Opportunity", "Contact", "Event", "Task", "EmailMessage", "Quote", "OpportunityHistory"):
        assert first.org.rows(name) == second.org.rows(name), name
    assert {kind: shelf.rows for kind, shelf in first.portal.shelves.items()} == {
        kind: shelf.rows for kind, shelf in second.portal.shelves.items()
    }


@pytest.mark.parametrize("half", ["org", "portal"])
def test_every_story_is_told_as_often_as_it_says(half: str) -> None:
    told = Counter(deal.story for deal in getattr(invent(), half))
    assert {name: told[name] for name in STORIES} == {name: story.deals for name, story in STORIES.items()}
    assert told[WON] == told[LOST] == 30


def test_together_they_are_a_few_hundred_open_deals_and_two_of_five_are_sound() -> None:
    company = invent()
    opened = [deal for deal in (*company.org, *company.portal) if deal.story not in (WON, LOST)]
    assert 300 <= len(opened) <= 500
    fine = ("sound", "first_sight", "ahead", "pushed", "single_thread", "other_currency", "merged_twice")
    assert 0.35 <= sum(deal.story in fine for deal in opened) / len(opened) <= 0.45


def test_amounts_and_owners_are_skewed_as_in_life() -> None:
    company = invent()
    amounts = sorted(deal.amount for deal in (*company.org, *company.portal) if deal.amount)
    assert amounts[len(amounts) // 2] < 40_000
    assert sum(amounts[-len(amounts) // 10 :]) > sum(amounts) / 3
    owned = Counter(deal.owner for deal in company.portal)
    assert owned[OWNERS[1][0]] > 2 * owned[OWNERS[1][-1]]


def test_both_pipelines_are_in_use_and_no_deal_is_on_a_stage_its_pipeline_lacks() -> None:
    company = invent()
    for deals in (company.org, company.portal):
        renewals = [deal for deal in deals if deal.pipeline == "renewal"]
        assert len(renewals) > 20
        assert all(deal.rung in (*RUNGS[deal.pipeline], WON, LOST, UNKNOWN) for deal in deals)


@pytest.mark.parametrize("half", ["org", "portal"])
def test_nothing_happens_before_its_deal_or_after_the_present(half: str) -> None:
    for deal in getattr(invent(), half):
        days = [act.days for act in deal.acts] + [step for step, _ in deal.path()[1:]] + list(deal.pushes)
        assert all(0 < each <= deal.created for each in days), deal
        assert sorted(deal.path(), reverse=True, key=lambda step: step[0]) == list(deal.path()), deal


def test_people_and_addresses_are_invented(crms: Crms) -> None:
    addresses = [str(row["Email"]) for name in ("Contact", "User") for row in crms.org.rows(name) if row.get("Email")]
    addresses += [row.values["email"] for row in crms.portal.shelves["contacts"].rows.values()]
    addresses += [owner.email for owner in crms.portal.schema.owners.values()]
    assert len(addresses) > 800
    assert all(re.fullmatch(r"[a-z.-]+@[a-z-]+\.example", each) for each in addresses)
    assert sum(each.endswith(f"@{SELLER}") for each in addresses) == len(OWNERS[0]) + len(OWNERS[1]) + 1


def test_secrets_are_not_in_the_settings(crms: Crms) -> None:
    text = crms.settings(org_at="http://127.0.0.1:1", portal_at="http://127.0.0.1:2")
    assert not [value for value in crms.secrets().values() if value in text]
    assert [name for name in crms.secrets() if name in text] == list(crms.secrets())


# The verdicts


def test_the_seed_story_is_told_as_it_was(audits: dict[str, Audited]) -> None:
    ((deal, line),) = audits[HUBSPOT].lines(SEED_STORY)
    assert (deal.amount, deal.rung, line.stage) == (100_000, 5, "Contract Sent")
    assert (line.verdict, line.claimed, line.supported_min, line.supported_max, line.action) == (
        "overstated", 5, 4, 4, "block",
    )  # fmt: skip
    assert line.weighted == 90_000
    (finding,) = audits[HUBSPOT].findings(line).values()
    assert (finding.rule, finding.reason, finding.about) == ("CQ-STK-PRICE", "none", ("Dana Ruiz",))
    assert finding.says == "Dana Ruiz makes the final call and has not seen the pricing."


SUPPORTED = ("sound", "first_sight", "ahead", "pushed", "single_thread", "other_currency", "merged_twice")


@BOTH
@pytest.mark.parametrize("story", SUPPORTED)
def test_what_is_sound_is_supported(audits: dict[str, Audited], crm: str, story: str) -> None:
    told = audits[crm].lines(story)
    assert len(told) == STORIES[story].deals
    for deal, line in told:
        assert (line.verdict, line.action) in (("supported", "none"), ("supported", "annotate")), deal
        assert line.supported_min == line.supported_max == (5 if story == "ahead" else deal.rung), deal


@BOTH
def test_a_sound_deal_has_at_most_stood_still(audits: dict[str, Audited], crm: str) -> None:
    found = [audits[crm].findings(line) for story in ("sound", "merged_twice") for _, line in audits[crm].lines(story)]
    assert {rule for each in found for rule in each} <= {"CQ-MOM-AGE"}


@BOTH
@pytest.mark.parametrize(("story", "rule"), [("pushed", "CQ-OPP-PUSH"), ("single_thread", "CQ-STK-THREADS")])
def test_a_warning_does_not_cost_the_stage(audits: dict[str, Audited], crm: str, story: str, rule: str) -> None:
    for deal, line in audits[crm].lines(story):
        assert audits[crm].findings(line)[rule].reason == "count", deal


SPOILT = [
    ("price_unseen", "CQ-STK-PRICE", "none", 4),
    ("only_sent", "CQ-STK-PRICE", "only_sent", 4),
    ("amount_doubled", "CQ-STK-PRICE", "superseded_amount", 4),
    ("no_show", "CQ-STK-PRICE", "none", 4),
    ("decider_unmet", "CQ-STK-ENGAGED", "none", 3),
    ("no_amount", "CQ-OPP-BUDGET", "amount_missing", 3),
    ("over_budget", "CQ-OPP-BUDGET", "over_budget", 3),
    ("decider_left", "CQ-STK-AUTH", "contact_left", 2),
    ("decider_removed", "CQ-STK-AUTH", "none", 2),  # nobody saw who it was: the CRMs keep nothing of it
    ("champion_only", "CQ-STK-AUTH", "none", 2),
    ("never_asked", "CQ-OPP-BASICS", "none", 2),
    ("date_passed", "CQ-OPP-DATE", "past", 2),
    ("no_need", "CQ-OPP-NEED", "missing", 1),
    ("poor_fit", "CQ-ORG-FIT", "low", 1),
    ("quiet", "CQ-STK-CONTACT", "stale", 0),
    ("no_company", "CQ-ORG-COMPANY", "missing", 0),
]


@BOTH
@pytest.mark.parametrize(("story", "rule", "reason", "supported"), SPOILT, ids=lambda value: str(value))
def test_what_is_spoilt_is_found(
    audits: dict[str, Audited], crm: str, story: str, rule: str, reason: str, supported: int
) -> None:
    told = audits[crm].lines(story)
    assert len(told) == STORIES[story].deals
    for deal, line in told:
        assert (line.verdict, line.supported_min, line.supported_max) == ("overstated", supported, supported), deal
        assert audits[crm].findings(line)[rule].reason == reason, deal


@BOTH
def test_what_was_asked_too_long_ago_is_a_quick_fix(audits: dict[str, Audited], crm: str) -> None:
    for deal, line in audits[crm].lines("basics_stale"):
        assert audits[crm].findings(line)["CQ-OPP-BASICS"].reason == "stale"
        assert isinstance(deal.rung, int)
        assert (line.supported_max, line.once_fixed) == (deal.rung - 1, deal.rung), deal


@BOTH
def test_the_decider_who_left_and_the_price_before_it_doubled_are_named(audits: dict[str, Audited], crm: str) -> None:
    for deal, line in audits[crm].lines("decider_left"):
        (former,) = (person.name for person in deal.people if person.role == "authority")
        assert former in audits[crm].findings(line)["CQ-STK-AUTH"].says
    for deal, line in audits[crm].lines("amount_doubled"):
        assert deal.repriced is not None
        assert f"{deal.repriced[1]:,}" in audits[crm].findings(line)["CQ-STK-PRICE"].says


@BOTH
def test_a_stage_that_nobody_mapped_is_not_judged(audits: dict[str, Audited], crm: str) -> None:
    unmapped = [finding for finding in audits[crm].report.findings if finding.rule == "SYS-UNMAPPED-STAGE"]
    assert {audits[crm].planted[finding.deal].story for finding in unmapped} == {"unmapped"}
    assert audits[crm].summary.verdicts["unmapped"] == STORIES["unmapped"].deals


@BOTH
def test_closed_deals_have_no_findings(audits: dict[str, Audited], crm: str) -> None:
    assert audits[crm].summary.verdicts["not_applicable"] == 60
    assert not [f for f in audits[crm].report.findings if audits[crm].planted[f.deal].story in (WON, LOST)]


def test_the_owner_who_logs_nothing_is_not_accused(audits: dict[str, Audited]) -> None:
    told = audits[SALESFORCE].lines("unlogged")
    assert len(told) == 8
    for deal, line in told:
        assert (line.verdict, line.supported_min, line.supported_max) == ("unverifiable", 0, deal.rung)
        assert line.owner == SILENT
        found = audits[SALESFORCE].findings(line).values()
        assert {(f.status, f.reason, f.action) for f in found} == {("unverifiable", "no_source", "annotate")}


@BOTH
def test_every_other_owner_can_be_judged(audits: dict[str, Audited], crm: str) -> None:
    blind = [f for f in audits[crm].report.findings if f.status != "open" and f.reason != "unmapped"]
    assert {audits[crm].planted[finding.deal].owner for finding in blind} <= {SILENT}


@BOTH
def test_less_is_supported_than_is_claimed(audits: dict[str, Audited], crm: str) -> None:
    money = audits[crm].summary.money
    assert 0.4 < money.evidenced / money.weighted < 0.85
    claimed, supported = money.by_rung[5]
    assert supported < claimed / 2


def test_a_deal_in_euros_counts_in_dollars(audits: dict[str, Audited]) -> None:
    for crm, dollars in ((SALESFORCE, 1 / Decimal("0.92")), (HUBSPOT, Decimal("1.087"))):
        for deal, line in audits[crm].lines("other_currency"):
            assert line.amount == pytest.approx(float((deal.amount or 0) * dollars), abs=0.01)


# The clock


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 9, 3, 59, tzinfo=UTC),  # the night after the clocks went forward
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # the hour that comes twice
        datetime(2028, 2, 29, 23, 30, tzinfo=UTC),
    ],
)
def test_the_past_ends_at_the_present_whenever_that_is(now: datetime) -> None:
    made = furnish(invent(), now)
    assert made.org.clock.now() == made.portal.clock.now() == now
    stamps = [row["CreatedDate"] for name in ("Opportunity", "Event", "Task", "Quote") for row in made.org.rows(name)]
    assert all(isinstance(stamp, datetime) and stamp < now for stamp in stamps)
    newest = max(stamp for stamp in stamps if isinstance(stamp, datetime))
    assert now - newest < timedelta(days=4)
