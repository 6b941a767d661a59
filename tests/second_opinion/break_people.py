"""Ways to break who is on a deal: roles, removals, departures, merges, and people of our own."""

from __future__ import annotations

from .sketch import Sketch, lost
from .slow_facts import Row

PEOPLE = ("p1", "p2", "p3", "p4", "p5")
ROLES = ("authority", "champion", "partner", "sponsor", "technical", "user", "unassigned")


def end_link(sketch: Sketch, deal: Row) -> None:
    """Removed today (out already), tomorrow (still in) or long ago."""
    for link in sketch.some(sketch.links_of(deal), 2):
        link["to"] = sketch.day(sketch.pick((0, -1, 1, 100)))


def late_link(sketch: Sketch, deal: Row) -> None:
    """On the deal from today, from tomorrow (not yet) or since yesterday."""
    for link in sketch.some(sketch.links_of(deal), 2):
        if "to" not in link:
            link["from"] = sketch.day(sketch.pick((0, -1, 1)))


def drop_link(sketch: Sketch, deal: Row) -> None:
    for link in sketch.some(sketch.links_of(deal), 2):
        sketch.world["links"].remove(link)


def add_link(sketch: Sketch, deal: Row) -> None:
    person, role = sketch.pick(PEOPLE[::-1]), sketch.pick(ROLES)
    sketch.world["links"].append({"deal": deal["id"], "contact": person, "role": role})


def other_role(sketch: Sketch, deal: Row) -> None:
    for link in sketch.some(sketch.links_of(deal), 2):
        link["role"] = sketch.pick(ROLES)


def role_changed(sketch: Sketch, deal: Row) -> None:
    """The same person goes on in another role."""
    for link in sketch.some(sketch.links_of(deal), 2):
        if "to" not in link:
            day = sketch.day(sketch.pick((0, 1, 40)))
            link["to"] = day
            sketch.world["links"].append({**link, "role": sketch.pick(ROLES[::-1]), "from": day})
            del sketch.world["links"][-1]["to"]


def succession(sketch: Sketch, deal: Row) -> None:
    """Somebody else decides now, and only the predecessor has seen the price."""
    links = [link for link in sketch.links_of(deal) if link["role"] == "authority" and "to" not in link]
    for former in links[:1]:
        _gone(sketch, former)
        successor = sketch.pick(("p4", "p5", "p2"))
        sketch.world["links"].append({"deal": deal["id"], "contact": successor, "role": "authority"})
        seen = {"deal": deal["id"], "kind": sketch.pick(("meeting_held", "attestation", "email_out"))}
        seen |= {"at": sketch.at(sketch.pick((20, 90, 91))), "contacts": [former["contact"]], "topics": ["pricing"]}
        call = {"deal": deal["id"], "kind": "call_connected", "at": sketch.at(sketch.pick((3, 30, 31)))}
        sketch.world["events"] = [
            event
            for event in sketch.world["events"]
            if deal["id"] not in (event.get("deals") or [event.get("deal")]) or "pricing" not in event["topics"]
        ]
        sketch.world["events"] += [seen, {**call, "contacts": [successor], "topics": []}]


def _gone(sketch: Sketch, link: Row) -> None:
    how = sketch.pick(("removed", "changed", "left", "deleted"))
    if how == "left":
        sketch.contact(link["contact"])["left_at"] = sketch.day(sketch.pick((5, 0, -1)))
    elif how == "deleted":
        sketch.contact(link["contact"])["deleted"] = True
    else:
        link["to"] = sketch.day(sketch.pick((5, 0)))
    if how == "changed":
        sketch.world["links"].append({"deal": link["deal"], "contact": link["contact"], "role": "influencer"})


def left(sketch: Sketch, deal: Row) -> None:
    """Left today (gone), tomorrow (still there) or some time ago."""
    sketch.contact(_somebody(sketch, deal))["left_at"] = sketch.day(sketch.pick((0, -1, 1, 60)))


def deleted(sketch: Sketch, deal: Row) -> None:
    sketch.contact(_somebody(sketch, deal))["deleted"] = True


def one_of_ours(sketch: Sketch, deal: Row) -> None:
    domain = sketch.pick(("seller.example", "Seller.Example", "notseller.example"))
    sketch.contact(_somebody(sketch, deal))["email"] = f"pat@{domain}"


def merged_contact(sketch: Sketch, deal: Row) -> None:
    """Two or three records of one person: some rows name the survivor, some a loser."""
    kept = _somebody(sketch, deal)
    losers = [f"{kept}_old", f"{kept}_older"][: 1 + sketch.chance.randrange(2)]
    if any(row["id"] in losers for row in sketch.world["contacts"]):
        return
    for loser, into in zip(losers, [kept, *losers], strict=False):
        row = {**sketch.contact(kept), "id": loser, "name": f"{loser} duplicate", "merged_into": into}
        sketch.world["contacts"].append(row | sketch.pick(({}, {"deleted": True}, {"email": "pat@seller.example"})))
    names = (kept, *losers)
    for link in sketch.world["links"]:
        link["contact"] = sketch.pick(names) if link["contact"] == kept else link["contact"]
    for event in sketch.world["events"]:
        for key in ("contacts", "declined"):
            if kept in event.get(key, []):
                event[key] = sorted({who for who in event[key] if who != kept} | set(sketch.some(names, 2)))


def swapped_duplicate(sketch: Sketch, deal: Row) -> None:
    """The record that is linked is the loser of a merge into a record that has left, is deleted, or is fine."""
    loser = sketch.contact(_somebody(sketch, deal))
    if "merged_into" in loser or any(row["id"] == f"{loser['id']}_new" for row in sketch.world["contacts"]):
        return
    survivor = {**loser, "id": f"{loser['id']}_new", "name": f"{loser['name']} the second"}
    survivor |= sketch.pick(({}, {"deleted": True}, {"left_at": sketch.day(0)}, {"email": "pat@seller.example"}))
    sketch.world["contacts"].append(survivor)
    loser["merged_into"] = survivor["id"]


def shared_person(sketch: Sketch, deal: Row) -> None:
    """Somebody of this deal stands on another deal too, in whatever role, perhaps no longer."""
    others = [row for row in sketch.world["deals"] if row is not deal]
    for other in others[:1]:
        link = {"deal": other["id"], "contact": _somebody(sketch, deal), "role": sketch.pick(("user", "partner"))}
        sketch.world["links"].append(link | sketch.pick(({}, {"to": sketch.day(0)}, {"from": sketch.day(-1)})))


def elsewhere(sketch: Sketch, deal: Row) -> None:
    """Mail linked to no deal, of people who stand on another deal: open, closed, of no known stage, or no longer."""
    others = [row for row in sketch.world["deals"] if row is not deal]
    for event in sketch.events_of(deal):
        event.pop("deals", None)
        event["deal"] = None
    for other in others[:1]:
        other["stage"] = sketch.pick((other["stage"], lost(other), "Somewhere new"))
        mine = {link["contact"] for link in sketch.links_of(deal)}
        theirs = [link for link in sketch.links_of(other) if link["contact"] in mine]
        for link in theirs or [{"deal": other["id"], "contact": _somebody(sketch, deal), "role": "user"}]:
            link |= sketch.pick(({}, {"role": "partner"}, {"to": sketch.day(0)}))
            sketch.world["links"] += [] if theirs else [link]


def roles_unknown(sketch: Sketch, deal: Row) -> None:
    """Nobody mapped the roles: a partner cannot be told from a buyer."""
    sketch.world["unmapped"] = ["roles"]
    for link in sketch.links_of(deal):
        link["role"] = sketch.pick(("partner", link["role"]))


def duplicate_declined(sketch: Sketch, deal: Row) -> None:
    """One record of a person was invited, and another record of the same person declined."""
    kept, loser = "p2", "p2_invited"
    if any(row["id"] == loser for row in sketch.world["contacts"]):
        return
    sketch.world["contacts"].append({**sketch.contact(kept), "id": loser, "merged_into": kept})
    for event in sketch.events_of(deal):
        if kept in event["contacts"] and event["kind"] == "meeting_held":
            event["declined"] = [sketch.pick((loser, kept))]
            event["contacts"] = sketch.pick(([*event["contacts"], loser], event["contacts"]))


def _somebody(sketch: Sketch, deal: Row) -> str:
    return sketch.pick([*(str(link["contact"]) for link in sketch.links_of(deal)), "p5"])


PEOPLE_BREAKS = (
    end_link,
    late_link,
    drop_link,
    add_link,
    other_role,
    role_changed,
    succession,
    succession,
    succession,
    left,
    deleted,
    one_of_ours,
    merged_contact,
    swapped_duplicate,
    shared_person,
    elsewhere,
    elsewhere,
    roles_unknown,
    duplicate_declined,
)
