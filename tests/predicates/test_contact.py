"""Who holds a role now, and why somebody no longer does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crm_audit.domain import Person, Record
from tests.builders import DANA, LEE, NOA, Rows, ago, around, ask, audited, deal, link, pack, proof, rule

AUTHORITY = {"contact": {"role": "authority"}}
OUR_OWN = Person(id="olaf", name="Olaf Own", domain="Seller.Example")


def with_links(*links: Record, people: Rows = ()) -> list[Record]:
    return [*(each for each in around() if each.id not in {p.id for p in people}), *people, deal(), *links]


HELD = {
    "named": [link("dana", "authority")],
    "begins today": [link("dana", "authority", valid_from=ago(0))],
    "ends tomorrow": [link("dana", "authority", valid_to=ago(-1))],
    "twice in the same role": [link("dana", "authority"), link("dana", "authority", valid_from=ago(9))],
    "has another role besides": [link("dana", "authority"), link("dana", "blocker")],
    "removed, and taken up again": [
        link("dana", "authority", valid_to=ago(5)),
        link("dana", "authority", valid_from=ago(2)),
    ],
}


@pytest.mark.parametrize("links", HELD.values(), ids=HELD)
def test_held(links: list[Record]) -> None:
    assert ask(with_links(*links), AUTHORITY) == ("holds", None)


NOT_HELD: dict[str, tuple[list[Record], str]] = {
    "nobody on the deal": ([], "none"),
    "another role": ([link("dana", "champion")], "none"),
    "a sponsor does not decide": ([link("dana", "sponsor")], "none"),
    "no role given": ([link("dana", "unassigned")], "none"),
    "on another deal": ([link("dana", "authority", "d2"), deal("d2")], "none"),
    "begins tomorrow": ([link("dana", "authority", valid_from=ago(-1))], "none"),
    "ends today": ([link("dana", "authority", valid_to=ago(0))], "contact_removed"),
    "ended, still there in another role": (
        [link("dana", "authority", valid_to=ago(3)), link("dana", "champion")],
        "role_changed",
    ),
}


@pytest.mark.parametrize(("links", "reason"), NOT_HELD.values(), ids=NOT_HELD)
def test_not_held(links: list[Record], reason: str) -> None:
    assert ask(with_links(*links), AUTHORITY) == ("fails", reason)


GONE: dict[str, tuple[Person, str]] = {
    "left today": (replace(DANA, left_on=ago(0)), "contact_left"),
    "left long ago": (replace(DANA, left_on=ago(400)), "contact_left"),
    "deleted": (replace(DANA, deleted=True), "contact_deleted"),
    "left, then deleted": (replace(DANA, left_on=ago(3), deleted=True), "contact_left"),
    "one of ours": (replace(DANA, domain="seller.example"), "none"),
    "one of ours, in capitals": (replace(DANA, domain="SELLER.example"), "none"),
    "merged into one of ours": (replace(DANA, merged_into="olaf"), "none"),
}


@pytest.mark.parametrize(("person", "reason"), GONE.values(), ids=GONE)
def test_a_person_who_does_not_count(person: Person, reason: str) -> None:
    records = with_links(link("dana", "authority"), people=[person, OUR_OWN])
    assert ask(records, AUTHORITY) == ("fails", reason)


def test_a_person_who_leaves_tomorrow_still_counts() -> None:
    records = with_links(link("dana", "authority"), people=[replace(DANA, left_on=ago(-1))])
    assert ask(records, AUTHORITY) == ("holds", None)


def test_a_domain_that_only_ends_like_ours_is_not_ours() -> None:
    records = with_links(link("dana", "authority"), people=[replace(DANA, domain="notseller.example")])
    assert ask(records, AUTHORITY) == ("holds", None)


def test_a_person_without_an_address_is_the_buyers() -> None:
    records = with_links(link("dana", "authority"), people=[replace(DANA, domain=None)])
    assert ask(records, AUTHORITY) == ("holds", None)


MERGES: dict[str, list[Person]] = {
    "into one": [replace(DANA, merged_into="noa")],
    "into one after another": [replace(DANA, merged_into="lee"), replace(LEE, merged_into="noa")],
    "into nobody that is known": [replace(DANA, merged_into="gone")],
    "in a ring": [replace(DANA, merged_into="lee"), replace(LEE, merged_into="dana")],
    "into itself": [replace(DANA, merged_into="dana")],
}


@pytest.mark.parametrize("people", MERGES.values(), ids=MERGES)
def test_a_merge_loses_nobody(people: list[Person]) -> None:
    assert ask(with_links(link("dana", "authority"), people=people), AUTHORITY) == ("holds", None)


def test_two_records_of_one_person_are_one_person() -> None:
    both = with_links(
        link("dana", "authority"), link("noa", "authority"), people=[replace(DANA, merged_into="noa"), NOA]
    )
    assert ask(both, {"contact": {"role": "authority", "min": 2}}) == ("fails", "count")
    assert ask(both, {"contact": {"role": "authority", "min": 1}}) == ("holds", None)


def test_two_deciders_are_two() -> None:
    both = with_links(link("dana", "authority"), link("noa", "authority"))
    assert ask(both, {"contact": {"role": "authority", "min": 2}}) == ("holds", None)


def test_the_earlier_reason_stands_where_several_are_gone() -> None:
    records = with_links(
        link("dana", "authority", valid_to=ago(3)), link("noa", "authority"), people=[replace(NOA, deleted=True)]
    )
    assert ask(records, AUTHORITY) == ("fails", "contact_deleted")
    audit = audited(records, pack(rule("TRY-ME", AUTHORITY, about="former", messages={})))
    assert audit.findings["reason"].to_list() == ["contact_deleted"]


def test_somebody_who_decides_now_outweighs_those_who_did() -> None:
    records = with_links(link("dana", "authority", valid_to=ago(3)), link("noa", "authority"))
    assert ask(records, AUTHORITY) == ("holds", None)


def test_a_sponsor_decides_where_the_admin_says_so() -> None:
    records = with_links(link("dana", "sponsor"))
    assert ask(records, AUTHORITY, sponsor_is_authority=True) == ("holds", None)


def test_a_partner_is_not_on_the_buyers_side() -> None:
    records = with_links(link("dana", "partner"))
    assert ask(records, {"contact": {"role": "partner"}})[0] == "fails"


@pytest.mark.parametrize("hidden", ["roles", "contacts"])
@pytest.mark.parametrize("least", [1, 2])
def test_hidden_roles_are_unknown_and_never_missing(hidden: str, least: int) -> None:
    asked = {"contact": {"role": "authority", "min": least}}
    for links in ([], [link("dana", "authority")]):
        assert ask(with_links(*links), asked, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


def test_it_tells_how_many_hold_the_role() -> None:
    seen: Any = proof(with_links(link("dana", "authority")), {"contact": {"role": "authority", "min": 3}})
    assert dict(seen.steps[0].observed) == {"n": 1, "wanted": 3}
