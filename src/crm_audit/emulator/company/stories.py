"""What goes wrong with deals, and what only looks as if it did: each story spoils a sound deal in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from crm_audit.emulator.company.deal import NEW, UNKNOWN, Act, Deal, Person

Spoil = Callable[[Deal, Random], Deal]


@dataclass(frozen=True, slots=True)
class Story:
    """How many deals tell it, on which rungs they claim to be, and what is changed of a sound deal."""

    deals: int
    rungs: tuple[int, ...]
    spoil: Spoil = lambda deal, dice: deal
    evidence: int | None = None  # the rung the sound deal is made for, where it is not the claimed one


def _roles(deal: Deal, role: str, change: Callable[[Person], Person | None]) -> Deal:
    """The deal with one of its people changed, or taken out."""
    changed = (change(person) if person.role == role else person for person in deal.people)
    return replace(deal, people=tuple(person for person in changed if person is not None))


def _never_with(deal: Deal, role: str, *, topic: str | None = None) -> Deal:
    """The deal without somebody in its acts, or in those on a topic; acts with nobody left are gone."""
    kept = []
    for act in deal.acts:
        concerned = topic is None or act.topic == topic
        who = tuple(one for one in act.who if one != role) if concerned else act.who
        if who:
            kept.append(replace(act, who=who))
    return replace(deal, acts=tuple(kept))


def _and(deal: Deal, *acts: Act) -> Deal:
    return replace(deal, acts=(*deal.acts, *acts))


def price_unseen(deal: Deal, dice: Random) -> Deal:
    """The one who decides is in touch, and the price went to everybody else."""
    return _never_with(deal, "authority", topic="pricing")


def only_sent(deal: Deal, dice: Random) -> Deal:
    """The quote was sent to the one who decides, the mail was opened, and that is all."""
    quote = Act(kind="quote", days=dice.randint(12, 24), who=("authority",), topic="pricing")
    mail = Act(kind="mail_out", days=quote.days - 1, who=("authority",), topic="pricing", opened=True)
    return _and(price_unseen(deal, dice), quote, mail)


def amount_doubled(deal: Deal, dice: Random) -> Deal:
    """The price was seen, and then the amount doubled."""
    return replace(deal, repriced=(dice.randint(3, 7), (deal.amount or 0) // 2))


def decider_left(deal: Deal, dice: Random) -> Deal:
    """The one who decided has left the company."""
    days = dice.randint(3, 40)
    return _roles(deal, "authority", lambda person: replace(person, left=days))


def decider_removed(deal: Deal, dice: Random) -> Deal:
    """Somebody took the decider off the deal before we looked for the first time."""
    days = dice.randint(3, 40)
    return _roles(deal, "authority", lambda person: replace(person, removed=days))


def champion_only(deal: Deal, dice: Random) -> Deal:
    """All talk goes through one friendly person, and nobody asked who decides."""
    alone = _roles(_never_with(deal, "authority"), "authority", lambda person: None)
    return _and(alone, Act(kind="meeting", days=dice.randint(11, 24), who=("champion",), topic="pricing"))


def decider_unmet(deal: Deal, dice: Random) -> Deal:
    """We know who decides and have never heard from that person."""
    return _never_with(deal, "authority")


def no_show(deal: Deal, dice: Random) -> Deal:
    """The decider was invited to see the price, and did not come."""
    acts = (replace(act, missed=("authority",)) if act.topic == "pricing" else act for act in deal.acts)
    return replace(deal, acts=tuple(acts))


def basics_stale(deal: Deal, dice: Random) -> Deal:
    """Price, decider and date were asked, but not lately enough for this stage: a quick fix."""
    return replace(deal, asked={3: 48, 4: 33, 5: 17}[int(deal.rung)] + dice.randint(0, 9))


def never_asked(deal: Deal, dice: Random) -> Deal:
    """Nobody ever noted asking."""
    return replace(deal, asked=None)


def date_passed(deal: Deal, dice: Random) -> Deal:
    """The close date went by: another quick fix."""
    return replace(deal, close=-dice.randint(2, 35))


def pushed(deal: Deal, dice: Random) -> Deal:
    """The close date moved later three or four times; the rest is sound."""
    days = sorted(dice.sample(range(4, deal.created - 4), dice.randint(3, 4)), reverse=True)
    return replace(deal, pushes=tuple(days))


def quiet(deal: Deal, dice: Random) -> Deal:
    """Everything happened, more than a quarter ago."""
    late = 95 + dice.randint(0, 40)
    acts = tuple(replace(act, days=act.days + late) for act in deal.acts)
    return replace(deal, acts=acts, created=deal.created + late, entered=deal.entered + late)


def no_amount(deal: Deal, dice: Random) -> Deal:
    """Nobody put a number on it."""
    return replace(deal, amount=None)


def over_budget(deal: Deal, dice: Random) -> Deal:
    """The price is far above what was set aside."""
    return replace(deal, budget=int((deal.amount or 0) * dice.uniform(0.5, 0.8)))


def no_company(deal: Deal, dice: Random) -> Deal:
    """The deal hangs in the air."""
    return replace(deal, firm=None)


def no_need(deal: Deal, dice: Random) -> Deal:
    """Nobody wrote down what the buyer wants."""
    return replace(deal, need=None)


def poor_fit(deal: Deal, dice: Random) -> Deal:
    """A buyer unlike the best customers."""
    return replace(deal, firm=replace(deal.firm, fit=dice.randint(20, 45)) if deal.firm else None)


def single_thread(deal: Deal, dice: Random) -> Deal:
    """The decider has seen everything, and is the only one we ever hear from."""
    alone = _never_with(_never_with(deal, "champion"), "technical")
    quote = Act(kind="quote", days=dice.randint(26, 38), who=("authority",), topic="pricing")
    mail = Act(kind="mail_in", days=dice.randint(2, 10), who=("authority",))
    return replace(_and(alone, quote, mail), fits=True)


def other_currency(deal: Deal, dice: Random) -> Deal:
    """Sold in euros; sound."""
    return replace(deal, currency="EUR")


def merged_twice(deal: Deal, dice: Random) -> Deal:
    """Half of what the decider did was logged on a second record, merged since; sound."""
    return _roles(deal, "authority", lambda person: replace(person, merged=5))


def unmapped(deal: Deal, dice: Random) -> Deal:
    """It stands on a stage that an admin added last week and nobody put on the ladder."""
    return replace(deal, rung=UNKNOWN, pipeline=NEW)


def unlogged(deal: Deal, dice: Random) -> Deal:
    """Its owner logs neither mail nor meetings: nothing speaks for it, and nothing against it."""
    return replace(deal, acts=())


LATE = (3, 4, 5, 5)
STORIES: Mapping[str, Story] = {
    "sound": Story(42, (1, 1, 1, 2, 2, 3, 3, 4, 4, 5)),
    "first_sight": Story(7, (0,)),
    "ahead": Story(7, (1, 2, 3), evidence=5),
    "pushed": Story(6, (3, 4, 5), pushed),
    "single_thread": Story(5, (4, 5), single_thread),
    "other_currency": Story(4, (2, 4, 5), other_currency),
    "merged_twice": Story(2, (4, 5), merged_twice),
    "basics_stale": Story(16, LATE, basics_stale),
    "champion_only": Story(12, LATE, champion_only),
    "date_passed": Story(10, LATE, date_passed),
    "quiet": Story(9, (2, 3, 4), quiet),
    "price_unseen": Story(8, (5,), price_unseen),
    "only_sent": Story(8, (5,), only_sent),
    "decider_left": Story(6, LATE, decider_left),
    "decider_unmet": Story(6, (4, 5), decider_unmet),
    "never_asked": Story(6, (3, 4), never_asked),
    "amount_doubled": Story(5, (5,), amount_doubled),
    "no_amount": Story(4, (4, 5), no_amount),
    "over_budget": Story(4, (4, 5), over_budget),
    "no_need": Story(4, (2, 3), no_need),
    "poor_fit": Story(4, (2, 3), poor_fit),
    "decider_removed": Story(3, (3, 4), decider_removed),
    "no_show": Story(3, (5,), no_show),
    "no_company": Story(2, (2, 4), no_company),
    "unmapped": Story(2, (3,), unmapped),
}
"""The stories of one CRM, the sound deals first: they are about two of five."""
