"""Rows of an export as deals, companies, people, roles, and rows that are not as they should be."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from crm_audit.domain import Deal
from tests.connectors.exports import (
    COLUMNS,
    CSV,
    DEALS,
    LINKS,
    Opener,
    changed,
    deals,
    mentions,
    open_folder,
    pulled,
    refusal,
)

# --- rows that are not as they should be


def test_a_value_that_cannot_be_read_is_empty_and_counted_with_its_first_line(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + "d3,Open,lots,someday,a1\nd4,Open,more,2026-07-01,a1\n"})
    assert (deals(files)["d3"].amount, deals(files)["d3"].close_date) == (None, None)
    assert deals(files)["d4"].close_date == date(2026, 7, 1)
    assert mentions(files, "deals.csv:4: 2 values in column 'Amount' are not a number; read as empty")
    assert mentions(files, "deals.csv:4: 1 value in column 'Close' is not a date; read as empty")


def test_notes_never_hold_what_a_cell_holds(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + "d3,Open,dana@buyer.example,2026-01-01,a1\n"})
    assert files.survey().notes
    assert not mentions(files, "dana")


def test_mostly_unreadable_columns_are_a_wrong_mapping_and_stop_everything(opened: Opener, tmp_path: Path) -> None:
    rows = "".join(f"e{n},Open,1,{n % 12 + 1}/{n % 28 + 1}/2026,a1\n" for n in range(60))
    files = opened({"deals.csv": CSV + rows})
    text = refusal(files.survey)
    assert text.startswith(f"{tmp_path / 'deals.csv'}:4: column 'Close': 60 of 62 values are not a date")
    assert refusal(lambda: pulled(files, "deals")) == text
    assert deals(opened({"deals.csv": CSV + rows}, dates="%m/%d/%Y"))["e0"].close_date == date(2026, 1, 1)


def test_many_unreadable_values_among_many_more_good_ones_are_notes(opened: Opener) -> None:
    rows = "".join(f"e{n},Open,{'?' if n % 3 == 0 else n},2026-05-01,a1\n" for n in range(90))
    assert mentions(opened({"deals.csv": CSV + rows}), "30 values in column 'Amount'")


def test_the_last_row_of_an_id_counts(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + "d1,Won,1500,,a1\nd1,Lost,1600,,a1\n"})
    assert [(deal.id, deal.stage) for deal in pulled(files, "deals")] == [("d2", "Open"), ("d1", "Lost")]
    assert mentions(files, "deals.csv:4: 2 rows with an id that came before")


def test_an_id_repeats_across_tables_of_one_kind(opened: Opener) -> None:
    tables = {"users": [{"file": "u.csv", "id": "id"}, {"file": "v.csv", "id": "id", "columns": {"name": "name"}}]}
    files = opened({"u.csv": "id\nu1\nu2\n", "v.csv": "id,name\nu1,Ria Sample\n"}, tables=tables)
    assert {user.id: user.name for user in pulled(files, "users")} == {"u2": "u2", "u1": "Ria Sample"}


def test_a_short_row_is_read_and_a_long_one_is_not(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + "d3,Open\nd4,Open,1,000,2026-05-01,a1\nd5,Open,5,,a1,,\n"})
    assert sorted(deals(files)) == ["d1", "d2", "d3", "d5"]
    assert mentions(files, "deals.csv:4: 1 row with fewer cells")
    assert mentions(files, "deals.csv:5: 1 row with more cells", "left out")


def test_blank_lines_are_no_rows(opened: Opener) -> None:
    files = opened({"deals.csv": CSV.replace("\n", "\n\n") + ",,,,\n"})
    assert (sorted(deals(files)), files.survey().notes) == (["d1", "d2"], ())


def test_a_row_without_its_key_is_left_out_and_counted(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + " ,Open,1,,a1\n"})
    assert len(deals(files)) == 2
    assert mentions(files, "deals.csv:4: 1 row without id: left out")


def test_deleted_rows_are_left_out_and_counted_even_where_they_were_won(opened: Opener) -> None:
    text = "Id,Stage,Amount,Close,Account,IsDeleted\nd1,Closed Won,1,,a1,TRUE\nd2,Open,1,,a1,false\nd3,Open,1,,a1,\n"
    files = opened({"deals.csv": text}, tables=changed(skip={"IsDeleted": True}))
    assert sorted(deals(files)) == ["d2", "d3"]
    assert mentions(files, "deals.csv:2: 1 row left out by skip (IsDeleted = true)")


def test_an_export_whose_every_deal_is_deleted_says_so(opened: Opener) -> None:
    files = opened(tables=changed(skip={"Stage": "*"}))
    assert pulled(files, "deals") == []
    assert mentions(files, "none is left to audit")


def test_only_takes_patterns_and_the_empty_text(opened: Opener) -> None:
    tables = {"users": {"file": "u.csv", "id": "id", "only": {"what": ["006*", ""]}}}
    files = opened({"u.csv": "id,what\nu1,006A\nu2,001A\nu3,\n"}, tables=tables)
    assert [user.id for user in pulled(files, "users")] == ["u1", "u3"]
    assert not mentions(files, "u.csv")


def test_texts_that_mean_nothing_are_empty(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + "d3,Open,-,NULL, - \n"}, blanks=["-", "NULL"])
    deal = deals(files)["d3"]
    assert (deal.amount, deal.close_date, deal.company) == (None, None, None)
    assert files.survey().notes == ()


# --- deals


def test_a_deal_takes_every_field_of_the_vocabulary(opened: Opener) -> None:
    columns = {
        "name": "Name", "stage": "Stage", "created": "Created", "amount": "Amount", "currency": "Cur",
        "probability": "P", "forecast_category": "FC", "close_date": "Close", "budget": "Budget",
        "budget_currency": "BC", "company": "Account", "need": "Need", "solution_fit": "Fit", "owner": "Owner",
        "next_step": "Next", "pipeline": "Pipe",
    }  # fmt: skip
    text = (
        "Id,Name,Pipe,Stage,Created,Amount,Cur,P,FC,Close,Budget,BC,Account,Need,Fit,Owner,Next\n"
        'd1,Acme renewal,NB,Negotiation,2026-01-05T09:00:00Z,"$100,000.50",usd,90%,Commit,2026-05-01,90000,EUR,'
        "a1,slow desks,Yes,u1,call Dana\n"
    )
    table = {"file": "deals.csv", "id": "Id", "columns": columns, "values": {"solution_fit": {"yes": "confirmed"}}}
    assert pulled(opened({"deals.csv": text}, tables={"deals": table}), "deals") == [
        Deal(
            id="d1", name="Acme renewal", pipeline="NB", stage="Negotiation",
            created=datetime(2026, 1, 5, 9, tzinfo=UTC), amount=Decimal("100000.50"), currency="USD",
            probability=Decimal("0.90"), forecast_category="Commit", close_date=date(2026, 5, 1),
            budget=Decimal(90000), budget_currency="EUR", company="a1", need="slow desks", solution_fit="confirmed",
            owner="u1", next_step="call Dana",
        )
    ]  # fmt: skip


def test_a_blank_stage_is_kept_for_the_rules_to_see(opened: Opener) -> None:
    deal = deals(opened({"deals.csv": CSV + "d3,,1,,a1\n"}))["d3"]
    assert (deal.name, deal.stage, deal.created) == ("d3", "", None)


def test_several_columns_make_one_field(opened: Opener) -> None:
    tables = {"users": {"file": "u.csv", "id": "id", "columns": {"name": ["first", "last"]}}}
    files = opened({"u.csv": "id,first,last\nu1,Ria,Sample\nu2,,Sample\n"}, tables=tables)
    assert [user.name for user in pulled(files, "users")] == ["Ria Sample", "Sample"]


def test_probabilities_are_shares_unless_the_options_say_percent(opened: Opener) -> None:
    text = "Id,Stage,Amount,Close,Account,P\nd1,O,1,,a1,0.4\nd2,O,1,,a1,1000\nd3,O,1,,a1,40\nd4,O,1,,a1,40 %\n"
    columns = {**COLUMNS, "probability": "P"}
    shares = opened({"deals.csv": text}, tables=changed(columns=columns))
    assert [deal.probability for deal in deals(shares).values()] == [Decimal("0.4"), None, None, Decimal("0.40")]
    assert mentions(shares, "deals.csv:3: 2 values in column 'P' are not between 0 and 1")
    percents = opened({"deals.csv": text}, tables=changed(columns=columns, percent=True))
    assert [deal.probability for deal in deals(percents).values()] == [
        Decimal("0.004"), None, Decimal("0.40"), Decimal("0.40"),
    ]  # fmt: skip
    assert mentions(percents, "deals.csv:3: 1 value in column 'P' is not between 0 and 100 %")


def test_a_company_comes_from_a_file_of_pairs(opened: Opener) -> None:
    join = {"file": "dc.csv", "key": "deal", "value": "company", "only": {"type": "primary"}, "skip": {"gone": "1"}}
    pairs = "deal,company,type,gone\nd1,c9,other,0\nd1,c1,primary,1\nd1,c2,primary,0\nd1,c3,primary\nd2,,primary,0\n"
    columns = {"stage": "Stage"}
    files = opened({"dc.csv": pairs}, tables=changed(columns=columns, joins={"company": join}))
    assert {id_: deal.company for id_, deal in deals(files).items()} == {"d1": "c2", "d2": None}


def test_a_company_that_no_table_holds_still_exists(opened: Opener) -> None:
    tables = {"companies": {"file": "a.csv", "id": "id", "columns": {"fit_tier": "tier"}}}
    files = opened({"a.csv": "id,tier\na1,A\na7,B\n"}, tables=tables)
    assert {company.id: company.fit_tier for company in pulled(files, "companies")} == {
        "a1": "A",
        "a7": "B",
        "a2": None,
    }
    assert mentions(files, "companies: 1 that deals name are in no table")


def test_without_a_table_of_companies_the_names_on_the_deals_are_the_companies(opened: Opener) -> None:
    files = opened()
    assert [company.name for company in pulled(files, "companies")] == ["a1", "a2"]
    assert "company" not in files.survey().unmapped
    assert files.survey().notes == ()


# --- people, links, users, rates, re-checks


def test_only_the_domain_of_an_address_is_kept(opened: Opener) -> None:
    tables = {
        "people": {"file": "p.csv", "id": "id", "columns": {"email": "mail", "left_on": "left", "deleted": "del"}}
    }
    text = "id,mail,left,del\np1,Dana@Buyer.Example,2026-01-02T03:00:00Z,no\np2,hashed,,X\n"
    dana, other = pulled(opened({"p.csv": text}, tables=tables), "people")
    assert (dana.domain, dana.left_on, dana.deleted) == ("buyer.example", date(2026, 1, 1), False)
    assert (other.domain, other.left_on, other.deleted) == (None, None, True)
    assert "Dana@" not in repr(dana)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Economic Decision Maker", "authority"), ("BUDGET_HOLDER", "authority"), ("executive sponsor", "sponsor"),
        ("LEGAL_AND_COMPLIANCE", "procurement_legal"), ("Champion", "champion"), ("Deciderin", "authority"),
        ("procurement_legal", "procurement_legal"), ("Evaluator", "technical"), ("", "unassigned"), ("Other", "other"),
    ],
)  # fmt: skip
def test_roles_are_read_as_both_vendors_and_the_admin_write_them(tmp_path: Path, text: str, role: str) -> None:
    (tmp_path / "deals.csv").write_text(CSV)
    (tmp_path / "l.csv").write_text(f"deal,person,role\nd1,p1,{text}\n")
    settings = {"roles": {"deciderin": "authority"}}
    files = open_folder(tmp_path, {"tables": {"deals": DEALS, "links": LINKS}}, settings=settings)
    assert [link.role for link in pulled(files, "links")] == [role]
    assert not mentions(files, "role")


def test_a_role_that_nobody_mapped_is_other_and_noted(opened: Opener) -> None:
    files = opened({"l.csv": "deal,person,role\nd1,p1,Zar\nd1,p2,Zar\n"}, tables={"links": LINKS})
    assert {link.role for link in pulled(files, "links")} == {"other"}
    assert mentions(files, "l.csv:2: 2 rows with a role that nobody mapped")


def test_a_lookup_column_of_the_deals_is_a_role(opened: Opener) -> None:
    link = {"file": "deals.csv", "columns": {"deal": "Id", "person": "Buyer"}, "constants": {"role": "authority"}}
    text = "Id,Stage,Amount,Close,Account,Buyer\nd1,Open,1,,a1,p1\nd2,Open,1,,a1,\n"
    files = opened({"deals.csv": text}, tables={"links": link})
    assert [(link.id, link.deal, link.person) for link in pulled(files, "links")] == [("d1:p1:authority", "d1", "p1")]
    assert [person.id for person in pulled(files, "people")] == ["p1"]
    assert not {"roles", "contacts"} & files.survey().unmapped


def test_rates_and_rechecks_are_read(opened: Opener) -> None:
    tables = {
        "rates": {"file": "r.csv", "columns": {"currency": "cur", "units": "units", "valid_from": "from"}},
        "rechecks": {"file": "c.csv", "columns": {"deal": "deal", "on": "day", "topics": "topics", "by": "by"}},
    }
    files = opened({"r.csv": "cur,units,from\nEUR,1.10,2026-01-01\n", "c.csv": "deal,day,topics,by\nd1,2026-03-01,budget; timing,u1\n"}, tables=tables)  # fmt: skip # noqa: E501 - two files
    (rate,), (recheck,) = pulled(files, "rates"), pulled(files, "rechecks")
    assert (rate.currency, rate.units, rate.per, rate.valid_from) == ("EUR", Decimal("1.10"), 1, date(2026, 1, 1))
    assert (recheck.deal, recheck.on, recheck.topics, recheck.by) == (
        "d1",
        date(2026, 3, 1),
        ("budget", "timing"),
        "u1",
    )
    assert "rechecks" not in files.survey().unmapped


def test_stages_come_from_their_own_table_or_from_the_deals(opened: Opener) -> None:
    stage = {
        "file": "deals.csv",
        "columns": {"stage": "Stage", "closed": ["Closed", "Won"]},
        "constants": {"pipeline": "default"},
        "values": {"closed": {"TRUE true": "won", "true false": "lost"}},
    }
    text = "Id,Stage,Amount,Close,Account,Closed,Won\n1,Open,,,,false,false\n2,Open,,,,false,false\n"
    text += "3,Good,,,,true,true\n4,Bad,,,,true,false\n"
    files = opened({"deals.csv": text}, tables={"stages": stage})
    found = {stage.id: (stage.label, stage.closed) for stage in pulled(files, "stages")}
    assert found == {
        "default:Open": ("Open", None), "default:Good": ("Good", "won"), "default:Bad": ("Bad", "lost"),
    }  # fmt: skip
    assert not mentions(files, "came before")
