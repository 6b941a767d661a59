"""Names that nobody has: the invented company's own people, its customers and what they want."""

from __future__ import annotations

SELLER = "seller.example"

OWNERS = (
    ("Robin Ashgrove", "Kit Marlowe-Finch", "Jules Tanager", "Noor Whitlock", "Sasha Brandywine", "Max Oldcastle"),
    ("Alex Quillfeather", "Sam Thistledown", "Charlie Nightjar", "Toni Hazelmoor", "Billie Stonecrop"),
)
"""Who sells: in the first CRM, and in the second."""

SILENT = "Pat Underhay"
"""Works only on the phone and logs neither mail nor meetings."""

_FIRST = (
    "Avery", "Blair", "Casey", "Dakota", "Ellis", "Finley", "Gray", "Harper", "Indigo", "Jordan", "Kendall", "Logan",
    "Morgan", "Nico", "Oakley", "Parker", "Quinn", "Reese", "Skyler", "Taylor", "Umber", "Vale", "Winter", "Yael",
)  # fmt: skip
_LAST = (
    "Applewhite", "Birdsong", "Copperfield", "Dovetail", "Elderberry", "Foxglove", "Gladstone", "Hollyhock", "Ironwood",
    "Juniper", "Kingfisher", "Larkspur", "Merriweather", "Nettlecombe", "Oxbow", "Pennyfeather", "Quarterman",
    "Rosewater", "Silverthorn", "Tidewater", "Underwood", "Violet", "Wintergreen", "Yarrow",
)  # fmt: skip
_BRANDS = (
    "Acorn", "Bluebird", "Cobalt", "Driftwood", "Evergreen", "Firefly", "Gopher", "Honeycomb", "Icicle", "Jackdaw",
    "Kestrel", "Lantern", "Moonbeam", "Nutmeg", "Otter", "Pinecone", "Quokka", "Ribbon", "Sparrow", "Turnip",
)  # fmt: skip
_TRADES = (
    "Freight", "Dental", "Foods", "Textiles", "Robotics", "Insurance", "Clinics", "Logistics", "Paper", "Energy",
    "Furniture", "Airways", "Software", "Glass", "Hotels", "Tools", "Optics", "Packaging", "Marine", "Seeds",
)  # fmt: skip

NEEDS = (
    "Cut invoice matching time by half",
    "Close the books in five days instead of twelve",
    "Stop paying duplicate invoices",
    "One approval path for four sites",
    "Pass the audit without a team of temps",
)
PRODUCTS = ("invoice matching", "approvals", "spend control", "supplier portal", "roll-out")
TITLES = {
    "authority": ("VP Operations", "CFO", "Finance Director", "Managing Director"),
    "champion": ("AP Manager", "Head of Shared Services", "Process Lead"),
    "technical": ("IT Lead", "Systems Analyst", "Integration Engineer"),
}


def person(number: int) -> str:
    """The n-th invented person; 576 differ."""
    first, last = number % len(_FIRST), (number + number // len(_FIRST)) % len(_LAST)
    return f"{_FIRST[first]} {_LAST[last]}"


def firm(number: int) -> str:
    """The n-th invented company; 400 differ."""
    brand, trade = number % len(_BRANDS), (number + number // len(_BRANDS)) % len(_TRADES)
    return f"{_BRANDS[brand]} {_TRADES[trade]}"
