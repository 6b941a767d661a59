"""What an export cannot tell, worked out from a census of its files. What is not there is unknown, never failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from crm_audit.connectors.files.census import Census
from crm_audit.connectors.files.mapping import Options
from crm_audit.domain import STRENGTH, Survey

NEEDS: Mapping[str, tuple[str, ...]] = {
    "links": ("contacts", "roles"),
    "rechecks": ("rechecks",),
    "history": ("history",),
    "events": (),
}
"""Kinds whose rows belong to deals, and what is unknown without them."""

HISTORY_NEEDS = frozenset({"stage", "close_date"})  # `history` is known as one: pushes and stage age both rest on it


def survey(census: Census, chosen: Options, *, absent: Sequence[str]) -> Survey:
    """What is unmapped and unconnected, with a sentence for everything that was odd; `absent`: files not found."""
    unmapped = frozenset(chosen.unknown) | _unmapped(census)
    notes = (
        *_exported(chosen),
        *absent,
        *_unjoined(census),
        *_empty(census),
        *_bare(census, chosen),
        *(note for tally in census.tallies for note in tally.notes()),
    )
    return Survey(
        unmapped=unmapped,
        unconnected=frozenset(STRENGTH) - census.connected,
        shared_topics=chosen.shared_topics,
        notes=notes,
    )


def _unmapped(census: Census) -> frozenset[str]:
    counts = census.counts
    deals, links, companies = counts["deals"], counts["links"], counts["companies"]
    told = {
        **{name: name in deals.told for name in ("budget", "need", "solution_fit", "company", "close_date", "amount")},
        "fit": bool(companies.told) and bool(companies.ids & census.companies),
        "contacts": links.joined > 0,
        "roles": bool(links.told - {"unassigned"}),
        "rechecks": counts["rechecks"].joined > 0,
        "history": counts["history"].told >= HISTORY_NEEDS,
    }
    return frozenset(name for name, known in told.items() if not known)


def _exported(chosen: Options) -> Iterator[str]:
    if isinstance(chosen.exported, date):
        yield f"the files were exported on {chosen.exported:%Y-%m-%d}; what happened since is not in them"


def _unjoined(census: Census) -> Iterator[str]:
    for kind, unknown in NEEDS.items():
        count = census.counts[kind]
        if count.records and not count.joined:
            what = f"{' and '.join(unknown)} cannot be told" if unknown else "nothing rests on them"
            yield f"{kind}: none of {count.records:,} belongs to a deal of this export, so {what}"
    companies = census.counts["companies"].ids
    if companies and census.companies and not companies & census.companies:
        yield f"companies: none of {len(companies):,} is named by a deal of this export, so fit cannot be told"


def _empty(census: Census) -> Iterator[str]:
    if not census.counts["deals"].records:
        yield "deals: none is left to audit"
    for name, kind in census.mapped.items():
        count = census.counts[kind]
        if count.records and name not in count.told:
            yield f"{kind}: {name} is empty in all {count.records:,}; as good as not exported, so it cannot be told"


def _bare(census: Census, chosen: Options) -> Iterator[str]:
    for kind, where in (("companies", "deals name"), ("people", "links name")):
        bare = census.bare(kind)
        if bare and kind in chosen.tables:
            yield f"{kind}: {len(bare):,} that {where} are in no table of {kind}; that they exist is all we know"
