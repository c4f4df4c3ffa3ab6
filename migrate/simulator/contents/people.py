"""Invented people and their words. Their phone numbers are from the fictional range 555-01xx."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_NAMES = (
    "Ada", "Béatrice", "Chidi", "Daniel", "Elif", "Fionn", "Grace", "Håkon", "Ines", "Jamal", "Katarzyna", "Lea",
    "Mateo", "Noor", "Oluwaseun", "Priya", "Quentin", "Rosa", "Søren", "Tomáš", "Uma", "Véronique", "Wei", "Ximena",
    "Yuki", "Zoë", "Siobhán", "Łukasz", "Андрей", "محمد", "美咲", "Jo",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Brûlé", "Castillo", "D'Angelo", "Eriksen", "Fernández", "Goldberg", "Huang", "Ivanova", "Jensen",
    "Kowalczyk", "Lindqvist", "Müller", "Nakamura", "O'Connor", "Peña", "Quist", "Rossi", "Smith-Jones", "Takahashi",
    "Üçok", "van den Berg", "Weiß", "Xu", "Yılmaz", "Zając", "李", "de la Cruz",
)  # fmt: skip
ORGANIZATIONS = ("Café Lumière", "Example & Daughters", "Northside Dental", "Harbour Books", "Kita Sonnenschein", "")
CITIES = ("Utrecht", "Porto", "Kraków", "Leeds", "Aarhus", "Kyoto", "Montréal", "Bilbao")
STREETS = ("Mill Lane", "Rue des Érables", "Hauptstraße", "Calle Mayor", "Station Road")
WORDS = (
    "bread", "train", "late", "tomorrow", "lovely", "garden", "ticket", "evening", "coffee", "umbrella", "keys",
    "doctor", "window", "dinner", "photo", "birthday", "bicycle", "market", "phone", "café", "naïve", "weekend",
    "rehearsal", "suitcase", "platform", "nine", "green", "quiet", "piano", "soup", "letter", "harbour",
)  # fmt: skip
ENDINGS = (".", ".", ".", "!", "?", " 🙂", " 🎂", " 👩‍👧‍👦", "…")


@dataclass(frozen=True, slots=True)
class Person:
    first: str
    last: str
    phone: str
    email: str
    organization: str
    city: str
    street: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def invent_people(seed: int, count: int) -> tuple[Person, ...]:
    """`count` people derived from `seed`, all with different numbers and email addresses."""
    rng = random.Random(f"{seed}:people")  # noqa: S311 - invented people, no secret
    return tuple(_invent(rng, number) for number in range(count))


def sentence(rng: random.Random, words: int | None = None) -> str:
    """A random sentence of everyday words, sometimes with an emoji."""
    chosen = rng.choices(WORDS, k=words or rng.randint(2, 11))
    return " ".join(chosen).capitalize() + rng.choice(ENDINGS)


def title(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 3))).capitalize()


def _invent(rng: random.Random, number: int) -> Person:
    return Person(
        first=rng.choice(FIRST_NAMES),
        last=rng.choice(LAST_NAMES),
        phone=f"+1{201 + number // 100:03d}55501{number % 100:02d}",
        email=f"person{number}@example.com",
        organization=rng.choice(ORGANIZATIONS),
        city=rng.choice(CITIES),
        street=f"{rng.choice(STREETS)} {rng.randint(1, 120)}",
    )
