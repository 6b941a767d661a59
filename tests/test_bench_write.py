"""What writing back costs at a hundredth of its full size: every call that writes counted, none more and none less."""

from __future__ import annotations

from bench import write


def test_first_flags_changes_and_a_night_without_any_cost_these_calls() -> None:
    told = list(write.measured(300, 250))
    assert all(each.calls <= each.most for each in told)
    assert [(each.vendor, each.what, each.calls) for each in told] == [
        ("hubspot", "300 first flags", 3),
        ("hubspot", "250 changed", 3),
        ("hubspot", "nothing changed", 0),
        ("salesforce", "300 first flags", 5),
        ("salesforce", "250 changed", 2),
        ("salesforce", "nothing changed", 0),
    ]
