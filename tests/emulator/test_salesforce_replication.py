"""What changed and what is gone: getUpdated, getDeleted, the recycle bin, and transactions that commit late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from crm_audit.emulator.salesforce import Refusal
from tests.emulator.org_bench import NOON, Served, a_deal, an_org, served
from tests.shared import shared


@pytest.fixture
def crm() -> Iterator[Served]:
    with served(an_org()) as crm:
        crm.org.clock.advance(minutes=1)
        yield crm


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def asked(crm: Served, what: str, start: datetime, end: datetime | None = None) -> Any:  # noqa: ANN401  # a decoded body
    """`what` is such as Account/updated."""
    times = {"start": start.isoformat(), "end": (end or crm.org.clock.now() + timedelta(minutes=1)).isoformat()}
    return crm.call("GET", f"/sobjects/{what}/", params=times).json()


def test_updated_tells_the_ids_of_a_stretch_of_time(crm: Served) -> None:
    first = crm.org.insert("Account", Name="first")
    crm.org.clock.advance(minutes=10)
    second = crm.org.insert("Account", Name="second")
    gone = crm.org.insert("Account", Name="gone")
    crm.org.delete("Account", gone)
    start = NOON + timedelta(minutes=1)
    assert asked(crm, "Account/updated", start)["ids"] == [first, second]
    some = asked(crm, "Account/updated", start, start + timedelta(minutes=5, seconds=59))
    assert some == {"ids": [first], "latestDateCovered": stamp(start + timedelta(minutes=5))}
    assert asked(crm, "Account/updated", start)["latestDateCovered"] == stamp(crm.org.clock.now())


def test_the_bodies_are_those_that_were_recorded(crm: Served) -> None:
    crm.org.delete("Account", crm.org.insert("Account", Name="gone"))
    for name in ("updated", "deleted"):
        recorded = json.loads(shared(f"data/recordings/restforce/sobject/get_{name}_success_response.json").read_text())
        own = asked(crm, f"Account/{name}", NOON)
        assert set(own) == set(recorded)
    assert [set(each) for each in own["deletedRecords"]] == [set(recorded["deletedRecords"][0])]


def test_a_removed_contact_role_is_remembered_though_no_bin_holds_it(crm: Served) -> None:
    deal, contact = a_deal(crm.org), crm.org.insert("Contact", LastName="Fox")
    role = crm.org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    crm.org.delete("OpportunityContactRole", role)
    assert crm.org.query("SELECT Id FROM OpportunityContactRole", everything=True) == []
    told = asked(crm, "OpportunityContactRole/deleted", NOON)
    assert told["deletedRecords"] == [{"id": role, "deletedDate": stamp(crm.org.clock.now())}]
    assert asked(crm, "Contact/deleted", NOON)["deletedRecords"] == []
    crm.org.clock.advance(days=14, hours=23)
    start = NOON + timedelta(minutes=1)
    assert len(asked(crm, "OpportunityContactRole/deleted", start)["deletedRecords"]) == 1
    crm.org.clock.advance(hours=1)
    assert asked(crm, "OpportunityContactRole/deleted", start)["deletedRecords"] == []


def test_roles_go_with_their_deal(crm: Served) -> None:
    deal, contact = a_deal(crm.org), crm.org.insert("Contact", LastName="Fox")
    role = crm.org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    crm.org.delete("Opportunity", deal)
    assert [each["id"] for each in asked(crm, "OpportunityContactRole/deleted", NOON)["deletedRecords"]] == [role]


def test_the_recycle_bin_holds_fifteen_days(crm: Served) -> None:
    account = crm.org.insert("Account", Name="gone")
    crm.org.delete("Account", account)
    soql = "SELECT Id FROM Account WHERE IsDeleted = true"
    crm.org.clock.advance(days=14)
    assert len(crm.org.query(soql, everything=True)) == 1
    crm.org.clock.advance(days=1)
    assert crm.org.query(soql, everything=True) == []
    assert crm.org.row("Account", account) is None


def test_a_hard_delete_is_told_by_get_deleted_alone(crm: Served) -> None:
    account = crm.org.insert("Account", Name="gone")
    crm.org.purge("Account", account)
    assert crm.org.query("SELECT Id FROM Account", everything=True) == []
    assert [each["id"] for each in asked(crm, "Account/deleted", NOON)["deletedRecords"]] == [account]


def test_undeleting_brings_a_deal_back_with_what_is_in_the_bin(crm: Served) -> None:
    deal = a_deal(crm.org)
    history = crm.org.query("SELECT Id FROM OpportunityHistory")
    crm.org.delete("Opportunity", deal)
    assert crm.org.query("SELECT Id FROM OpportunityHistory") == []
    crm.org.clock.advance(minutes=5)
    crm.org.undelete("Opportunity", deal)
    back = crm.org.row("Opportunity", deal) or {}
    assert (back["IsDeleted"], back["SystemModstamp"]) == (False, crm.org.clock.now())
    assert crm.org.query("SELECT Id FROM OpportunityHistory") == history
    assert asked(crm, "Opportunity/deleted", NOON)["deletedRecords"] == []
    with pytest.raises(Refusal, match="UNDELETE_FAILED"):
        crm.org.undelete("Opportunity", deal)


def test_a_log_that_was_purged_says_from_when_on_it_knows(crm: Served) -> None:
    crm.org.delete("Account", crm.org.insert("Account", Name="gone"))
    assert asked(crm, "Account/deleted", NOON)["earliestDateAvailable"] == stamp(NOON)
    crm.org.clock.advance(hours=2)
    crm.org.forget_deletions()
    told = asked(crm, "Account/deleted", NOON)
    assert (told["deletedRecords"], told["earliestDateAvailable"]) == ([], stamp(crm.org.clock.now()))


@pytest.mark.parametrize(
    ("what", "days", "code"),
    [
        ("Account/updated", 30, None),
        ("Account/updated", 31, "INVALID_REPLICATION_DATE"),
        ("Account/deleted", 15, None),
        ("Account/deleted", 16, "INVALID_REPLICATION_DATE"),
        ("Account/deleted", -1, "INVALID_REPLICATION_DATE"),
        ("OpportunityFieldHistory/updated", 1, "INVALID_TYPE_FOR_OPERATION"),
        ("Nothing/updated", 1, "NOT_FOUND"),
    ],
)
def test_how_far_back_one_may_ask(crm: Served, what: str, days: int, code: str | None) -> None:
    now = crm.org.clock.now()
    answer = asked(crm, what, now - timedelta(days=days), now + timedelta(days=2))
    assert (answer[0]["errorCode"] if isinstance(answer, list) else None) == code


def test_wrong_times(crm: Served) -> None:
    assert asked(crm, "Account/updated", NOON, NOON)[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    missing = crm.call("GET", f"/sobjects/Account/updated?start={NOON:%Y-%m-%dT%H:%M:%SZ}").json()
    assert missing[0]["errorCode"] == "MISSING_ARGUMENT"
    assert crm.call("GET", "/sobjects/Account/updated?start=x&end=y").json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_so_many_ids_and_no_more(crm: Served) -> None:
    crm.org.insert("Account", Name="one")
    crm.org.delete("Account", crm.org.insert("Account", Name="two"))
    crm.org.calls.ids = 0
    for what in ("Account/updated", "Account/deleted"):
        assert asked(crm, what, NOON)[0]["errorCode"] == "EXCEEDED_ID_LIMIT"


def test_the_client_library_asks_the_same(crm: Served) -> None:
    account = crm.org.insert("Account", Name="one")
    end = crm.org.clock.now() + timedelta(minutes=1)
    assert crm.client().Account.updated(NOON, end)["ids"] == [account]
    assert crm.client().Account.deleted(NOON, end)["deletedRecords"] == []


def test_a_late_commit_shows_rows_with_older_stamps(crm: Served) -> None:
    account = crm.org.insert("Account", Name="before")
    began = crm.org.clock.now()
    with crm.org.late(seconds=300):
        new = crm.org.insert("Account", Name="new")
        crm.org.update("Account", account, Name="after")
        crm.org.delete("Account", crm.org.insert("Account", Name="short-lived"))
    assert [row["Name"] for row in crm.org.query("SELECT Name FROM Account")] == ["before"]
    crm.org.clock.advance(seconds=299)
    assert asked(crm, "Account/updated", NOON)["latestDateCovered"] == stamp(began)
    crm.org.clock.advance(seconds=1)
    seen = {row["Id"]: (row["Name"], row["SystemModstamp"]) for row in crm.org.rows("Account") if not row["IsDeleted"]}
    assert seen == {account: ("after", began), new: ("new", began)}
    assert asked(crm, "Account/updated", NOON)["latestDateCovered"] == stamp(NOON + timedelta(minutes=6))
