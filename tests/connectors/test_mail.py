from __future__ import annotations

import pytest

from crm_audit.connectors.mail import automatic, domain


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: your offer", "  AUTOREPLY", "Auto-response", "auto reply", "Out of office",
        "Out of the office until Monday", "Undeliverable: offer", "Undelivered Mail Returned to Sender",
        "Returned mail", "Delivery Status Notification (Failure)", "Mail delivery failed", "Abwesenheitsnotiz",
    ],
)  # fmt: skip
def test_a_machine_is_known_by_its_subject(subject: str) -> None:
    assert automatic(subject, "dana@acme.example")


@pytest.mark.parametrize(
    "sender",
    [
        "noreply@acme.example", "no-reply@acme.example", "No_Reply@acme.example", "no-_reply@acme.example",
        "no.reply@acme.example", "noreply+7@acme.example", "noreply2@acme.example", "donotreply@acme.example",
        "do-not-reply@acme.example", "do_not.reply@acme.example", "MAILER-DAEMON@acme.example",
        "postmaster@acme.example", "bounce@acme.example", "bounces+x@acme.example",
    ],
)  # fmt: skip
def test_a_machine_is_known_by_its_address(sender: str) -> None:
    assert automatic("Your offer", sender)


@pytest.mark.parametrize(
    ("subject", "sender"),
    [
        ("Re: out of office supplies", "dana@acme.example"),
        ("Is the automatic reply on?", "dana@acme.example"),
        ("Hello", "norepl.yes@acme.example"),
        ("Hello", "bouncer@acme.example"),
        ("Hello", "dana.noreply@acme.example"),
        (None, None),
        ("", ""),
    ],
)
def test_people_are_not_taken_for_machines(subject: str | None, sender: str | None) -> None:
    assert not automatic(subject, sender)


def test_a_setting_stands_in_the_place_of_the_subjects_we_know() -> None:
    assert automatic("Urlaub bis Montag", None, pattern="^urlaub")
    assert not automatic("Out of office", None, pattern="^urlaub")
    assert automatic("anything", "postmaster@acme.example", pattern="^urlaub")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("Dana@ACME.example", "acme.example"),
        ('"odd@name"@acme.example ', "acme.example"),
        ("dana@", None),
        ("nobody", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_address_only_the_domain_is_kept(address: str | None, kept: str | None) -> None:
    assert domain(address) == kept
