"""What an export cannot tell is unknown, never failed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from crm_audit.domain import MAPPABLE, STRENGTH
from tests.connectors.exports import (
    CSV,
    LINKS,
    MEETING_FILES,
    MEETINGS,
    Opener,
    changed,
    deals,
    mentions,
    open_folder,
    refusal,
)

# --- what the export cannot tell


def test_what_nobody_mapped_is_unknown(opened: Opener) -> None:
    survey = opened().survey()
    assert survey.unmapped == frozenset(MAPPABLE) - {"company", "close_date", "amount"}
    assert survey.unconnected == frozenset(STRENGTH)
    assert survey.notes == ()


def test_a_column_without_one_value_is_as_good_as_not_there(opened: Opener) -> None:
    files = opened({"deals.csv": "Id,Stage,Amount,Close,Account\nd1,Open,,2026-05-01,\nd2,Open, ,,\n"})
    assert {"amount", "company"} <= files.survey().unmapped
    assert "close_date" not in files.survey().unmapped
    assert mentions(files, "deals: amount is empty in all 2")


def test_the_admin_may_say_that_a_column_tells_nothing_about_open_deals(opened: Opener) -> None:
    files = opened(unknown=["amount"])
    assert "amount" in files.survey().unmapped
    assert deals(files)["d1"].amount == 1000


def test_a_file_that_is_not_there_is_unknown_and_named(opened: Opener) -> None:
    files = opened({"links.csv": "deal,person,role\n"}, tables={"links": {**LINKS, "file": "lnks.csv"}})
    assert {"contacts", "roles"} <= files.survey().unmapped
    assert mentions(files, "options.tables.links: lnks.csv is not in the folder (did you mean 'links.csv'?)")


def test_a_file_of_pairs_that_is_not_there_is_unknown_and_named(opened: Opener) -> None:
    join = {"file": "dc.csv", "key": "deal", "value": "company"}
    files = opened(tables=changed(columns={"stage": "Stage"}, joins={"company": join}))
    assert "company" in files.survey().unmapped
    assert mentions(files, "options.tables.deals: dc.csv is not in the folder")


def test_without_the_file_of_deals_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "dealz.csv").write_text(CSV)
    text = refusal(lambda: open_folder(tmp_path))
    assert text.startswith("options.tables.deals: deals.csv is not in the folder (did you mean 'dealz.csv'?)")


def test_links_without_roles_tell_contacts_only(opened: Opener) -> None:
    table = {"file": "l.csv", "columns": {"deal": "deal", "person": "person"}}
    survey = opened({"l.csv": "deal,person\nd1,p1\n"}, tables={"links": table}).survey()
    assert "roles" in survey.unmapped
    assert "contacts" not in survey.unmapped


def test_rows_that_belong_to_no_deal_of_the_export_prove_nothing(opened: Opener) -> None:
    tables = {
        "links": LINKS,
        "events": MEETINGS,
        "companies": {"file": "a.csv", "id": "id", "columns": {"fit_score": "s"}},
    }
    texts = {"l.csv": "deal,person,role\nx1,p1,Champion\n", "a.csv": "id,s\nb1,80\n", "md.csv": "meeting,deal\nm1,x1\n"}
    files = opened({**MEETING_FILES, **texts}, tables=tables)
    survey = files.survey()
    assert {"contacts", "roles", "fit"} <= survey.unmapped
    assert survey.unconnected == frozenset(STRENGTH)
    for kind in ("links", "events", "companies"):
        assert mentions(files, f"{kind}: none of ")


def test_events_of_people_on_these_deals_count_as_a_source(opened: Opener) -> None:
    texts = {**MEETING_FILES, "md.csv": "meeting,deal\n", "l.csv": "deal,person,role\nd1,p1,\n"}
    survey = opened(texts, tables={"events": MEETINGS, "links": LINKS}).survey()
    assert survey.unconnected == frozenset(STRENGTH) - {"meeting_held"}


def test_the_day_of_the_export_is_told(opened: Opener) -> None:
    assert mentions(opened(exported=date(2026, 3, 1)), "exported on 2026-03-01")


def test_topics_may_count_for_one_deal_only(opened: Opener) -> None:
    assert opened().survey().shared_topics
    assert not opened(shared_topics=False).survey().shared_topics
