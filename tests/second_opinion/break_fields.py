"""Ways to break what a deal and its company say about themselves, and what their history says."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from .sketch import LADDERS, LAST_SECOND, MIDNIGHT, NOON, Sketch, written
from .slow_facts import TERMINAL, Row, survivor

CURRENCIES = ("USD", "EUR", "GBP", "JPY", None)
TOPICS = ("price_vs_budget", "final_decision_maker", "purchase_date", "budget", "authority", "timing")


def fit(sketch: Sketch, deal: Row) -> None:
    for row in sketch.world["companies"]:
        if row["id"] == deal["company"]:
            row |= _fit(sketch)


def _fit(sketch: Sketch) -> Row:
    return {
        "fit_tier": sketch.pick((None, "A", "B", "C", "", " ")),
        "fit_score": sketch.pick((None, "59.99", "60", "60.00", "0", "100")),
        "fit_assessed": sketch.pick((sketch.day(sketch.pick((180, 181, 0, -1))), None)),
    }


def no_company(sketch: Sketch, deal: Row) -> None:
    deal["company"] = None


def merged_company(sketch: Sketch, deal: Row) -> None:
    """Merged, perhaps twice, into a company that was judged otherwise."""
    row = survivor(sketch.world["companies"], deal["company"] or "")
    for _ in range(1 + sketch.chance.randrange(2)):
        if row is None:
            return
        kept = {"id": f"{row['id']}x", "name": f"{row['name']} Group", **sketch.pick((_fit(sketch), _good(sketch)))}
        row["merged_into"] = kept["id"]
        sketch.world["companies"].insert(0, kept)
        row = kept


def _good(sketch: Sketch) -> Row:
    return {"fit_tier": "B", "fit_assessed": sketch.day(30)}


def no_need(sketch: Sketch, deal: Row) -> None:
    deal["need"] = sketch.pick(("", "   ", None, "\t\n", "x"))


def amount(sketch: Sketch, deal: Row) -> None:
    deal["amount"] = sketch.pick((None, "0", "-5", "0.01", "100000.00", "99999.99", "121000", "121000.01"))


def budget(sketch: Sketch, deal: Row) -> None:
    """Exactly a tenth below the amount, a cent less, or absent."""
    if sketch.once_in(3):
        deal["budget"] = sketch.pick((None, "0", "-1"))
        return
    deal["amount"], deal["budget"] = "110000", sketch.pick(("100000", "99999.99", "100000.01"))


def currency(sketch: Sketch, deal: Row) -> None:
    deal["currency"] = sketch.pick(CURRENCIES)
    deal["budget_currency"] = sketch.pick((*CURRENCIES, deal["currency"]))
    deal["amount"] = sketch.pick((deal["amount"], "90909.09", "90909.10", "80000", "121000", "200000"))
    deal["budget"] = sketch.pick((deal["budget"], "100000", "90000", "500000"))


def converted(sketch: Sketch, deal: Row) -> None:
    """Exactly at a limit after conversion, or a cent beyond it: the budget's tolerance and the line of large deals."""
    sketch.world |= {"corporate_currency": "USD", "rates": {"EUR": "1.10", "GBP": "1.25"}}
    deal["currency"], deal["amount"], deal["budget_currency"], deal["budget"] = sketch.pick(
        (
            ("USD", "121000", "EUR", "100000"),
            ("USD", "121000.01", "EUR", "100000"),
            ("EUR", "110000", "USD", "110000"),
            ("EUR", "110000.01", None, "110000"),
            ("GBP", "80000", "EUR", "90000"),
            ("GBP", "79999.99", "EUR", "90000"),
            (None, "99999.99", "GBP", "80000"),
            ("JPY", "110000", "JPY", "100000"),
        )
    )
    for event in sketch.events_of(deal):
        if "pricing" in event["topics"] and sketch.once_in(2):
            event["quoted_amount"], event["quoted_currency"] = deal["budget"], deal["budget_currency"]


def no_rate(sketch: Sketch, deal: Row) -> None:
    sketch.world["rates"].pop(sketch.pick(("EUR", "GBP", "USD")), None)


def close_date(sketch: Sketch, deal: Row) -> None:
    edge = sketch.close_text(sketch.pick((0, 1, -1, -365, -366)))
    deal["close_date"] = sketch.pick((edge, edge, edge, None))


def midnight(sketch: Sketch, deal: Row) -> None:
    """An instant of exactly midnight UTC, which is a date, or a second beside it, which is a moment."""
    if sketch.world["crm"] == "hubspot":
        clock = sketch.pick(("00:00:00", "00:00:00", "00:00:01"))
        deal["close_date"] = f"{sketch.day(sketch.pick((0, 1, -365, -366)))}T{clock}Z"


def pushed(sketch: Sketch, deal: Row) -> None:
    """Two pushes, and one day whose moves together are just a push, just not one, or no push by definition."""
    ages = sketch.some((100, 40, 20, 9, 3, 0), 3)
    for age in ages[:2]:
        _moved(sketch, deal, sketch.local(age, MIDNIGHT), 30)
    steps = sketch.pick(((7,), (6,), (8,), (3, 4), (10, -4), (-10,), (20, -13), (20, -14)))
    day = sketch.today + timedelta(days=30)
    for clock, step in zip((MIDNIGHT, LAST_SECOND), steps, strict=False):
        later = day + timedelta(days=step)
        moment = sketch.local(sketch.pick((8, 8, 1)), clock)
        _change(sketch, deal, "close_date", moment, (_written(sketch, day), _written(sketch, later)))
        day = later


def emptied_date(sketch: Sketch, deal: Row) -> None:
    """Two pushes, and a day on which the date was taken out or set again; neither is a push."""
    before, after = _written(sketch, sketch.today), _written(sketch, sketch.today + timedelta(days=60))
    for age in (30, 20):
        _moved(sketch, deal, sketch.local(age, NOON), 7)
    values = sketch.pick(((None, after), (before, None), ("", after), (before, after)))
    _change(sketch, deal, "close_date", sketch.local(sketch.pick((12, 0)), MIDNIGHT), values)


def _moved(sketch: Sketch, deal: Row, moment: datetime, days: int) -> None:
    day = sketch.today + timedelta(days=sketch.pick((30, 0)))
    values = (day.isoformat(), (day + timedelta(days=days)).isoformat())
    _change(sketch, deal, "close_date", moment, values)


def _written(sketch: Sketch, day: date) -> str:
    return sketch.close_text((sketch.today - day).days)


def stage_age(sketch: Sketch, deal: Row) -> None:
    """Since the limit of a rung, a day more or less; or the deal has no row and counts from its creation."""
    age = sketch.edge()
    for row in _rows(sketch, deal, "stage"):
        row["at"] = sketch.at(age)
    if sketch.once_in(3):
        sketch.world["history"] = [row for row in sketch.world["history"] if row["deal"] != deal["id"]]
        deal["created"] = sketch.at(age)


def back_and_forth(sketch: Sketch, deal: Row) -> None:
    """Left the stage and came back, or a row that changes nothing, or one that is still ahead."""
    stages = LADDERS.get(deal["pipeline"], {"Somewhere": 1})
    away, back = sketch.pick(((50, 46), (31, 30), (9, 0), (2, -1)))
    other = sketch.pick((min(stages), deal["stage"], "Renamed stage"))
    _change(sketch, deal, "stage", sketch.local(away, MIDNIGHT), (deal["stage"], other))
    _change(sketch, deal, "stage", sketch.local(back, LAST_SECOND), (other, deal["stage"]))


def reopened(sketch: Sketch, deal: Row) -> None:
    """Closed and opened again, perhaps twice; two pushes since, and a third at, just before or just after it."""
    closed = [stage for stage, rung in LADDERS.get(deal["pipeline"], {}).items() if rung in TERMINAL] or ["Closed Lost"]
    age, ended = sketch.pick((31, 20, 46)), sketch.pick(closed)
    instants = [sketch.local(age, NOON)]
    if sketch.once_in(2):
        instants.append(sketch.local(10, NOON))
    for moment in instants:
        left_for = sketch.pick((deal["stage"], deal["stage"], "Renamed stage"))
        _change(sketch, deal, "stage", moment - timedelta(days=3), (deal["stage"], ended))
        _change(sketch, deal, "stage", moment, (sketch.pick((ended, *closed)), left_for))
    for days_ago in (age - 2, 4):
        _moved(sketch, deal, sketch.local(days_ago, NOON), 7)
    border = sketch.pick(instants)
    steps = (timedelta(0), timedelta(seconds=-1), timedelta(seconds=1), timedelta(hours=-11), timedelta(days=-1))
    _moved(sketch, deal, border + sketch.pick(steps), 7)


def amount_history(sketch: Sketch, deal: Row) -> None:
    """What the amount was when the price was seen: a tenth less, a cent less than that, nothing, or absurd."""
    deal["amount"] = sketch.pick(("110000", "110000.01", deal["amount"]))
    values = [sketch.pick((None, "100000", "99999.99", "0", "-1", "150000")) for _ in range(3)]
    for age, old, new in zip(
        sketch.some((0, 3, 6, 13, 14, 90), 3), values, [*values[1:], deal["amount"]], strict=False
    ):
        _change(sketch, deal, "amount", sketch.local(age, sketch.pick((NOON, MIDNIGHT))), (old, new))


def by_the_auditor(sketch: Sketch, deal: Row) -> None:
    """What the integration user wrote never counts."""
    rows = [row for table in ("history", "assessments") for row in sketch.world[table] if row["deal"] == deal["id"]]
    for row in sketch.some(rows, 3):
        row["by"] = sketch.pick(("auditor", "rep"))


def asked_again(sketch: Sketch, deal: Row) -> None:
    """Asked at the edge of a window, some of the topics only, tomorrow, or never."""
    table = sketch.world["assessments"]
    sketch.world["assessments"] = [row for row in table if row["deal"] != deal["id"]]
    for _ in range(sketch.chance.randrange(4)):
        day = sketch.day(sketch.pick((14, 15, 30, 31, 45, 46, 0, -1, 200)))
        topics = sketch.pick((["all"], sketch.some(TOPICS, 3)))
        sketch.world["assessments"].append({"deal": deal["id"], "at": day, "topics": topics})


def solution_fit(sketch: Sketch, deal: Row) -> None:
    """Confirmed or not, with a demo that is at the edge or was never given."""
    deal["solution_fit"] = sketch.pick(("confirmed", "", "promising", None))
    for event in sketch.events_of(deal):
        if "demo" in event["topics"]:
            event["topics"] = sketch.pick((["evaluation"], ["pilot"], [], ["security"]))
            event["at"] = sketch.at(sketch.pick((179, 180, 181)))


def _change(sketch: Sketch, deal: Row, field: str, moment: datetime, values: tuple[str | None, str | None]) -> None:
    old, new = values
    sketch.world["history"].append({"deal": deal["id"], "at": written(moment), "field": field, "old": old, "new": new})


def _rows(sketch: Sketch, deal: Row, field: str) -> list[Row]:
    return [row for row in sketch.world["history"] if row["deal"] == deal["id"] and row["field"] == field]


FIELD_BREAKS = (
    fit,
    no_company,
    merged_company,
    no_need,
    amount,
    budget,
    currency,
    converted,
    converted,
    no_rate,
    close_date,
    close_date,
    midnight,
    midnight,
    pushed,
    pushed,
    emptied_date,
    stage_age,
    back_and_forth,
    reopened,
    reopened,
    amount_history,
    amount_history,
    by_the_auditor,
    asked_again,
    solution_fit,
)
