"""Generated identifiers that are valid, and the texts that they stand in. Check digits are those of
python-stdnum and libphonenumber, not the detectors' own.

Everything is drawn from a `Random`, so that the same seed makes the same texts.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import product
from random import Random
from typing import NamedTuple, TypeAlias

import phonenumbers
from phonenumbers import PhoneNumberFormat
from stdnum import iban, luhn, numdb, verhoeff

Make: TypeAlias = Callable[[Random], str]
"""Draws one text."""


class Planted(NamedTuple):
    """A text and the identifier in it."""

    type: str
    text: str
    start: int
    end: int


def figures(random: Random, count: int) -> str:
    """So many digits."""
    return "".join(random.choices(string.digits, k=count))


def in_groups(text: str, sizes: tuple[int, ...], separator: str) -> str:
    """`text` in groups of these sizes; the rest is the last one."""
    groups, at = [], 0
    for size in (*sizes, len(text)):
        groups.append(text[at : at + size])
        at += size
    return separator.join(filter(None, groups))


# ── identifiers ───────────────────────────────────────────────────────────────────────────────────

CARDS = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2223", 16),
    ("2718", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("3589", 16),
    ("36", 14),
    ("300", 14),
    ("6212", 16),
    ("6759", 16),
)
"""First digits and lengths of networks (ISO/IEC 7812-1)."""
GROUPS = {16: (4, 4, 4), 15: (4, 6), 14: (4, 6)}


def payment_card(random: Random) -> str:
    """A card of one of the networks, in one piece or in its groups."""
    first, length = random.choice(CARDS)
    body = first + figures(random, length - len(first) - 1)
    number = body + luhn.calc_check_digit(body)
    separator = random.choice(["", "", " ", "-", ".", "\u00a0", " - "])
    return in_groups(number, GROUPS[length], separator) if separator else number


_CLASSES = {
    "n": string.digits,
    "a": string.ascii_uppercase,
    "c": string.digits + string.ascii_uppercase,
}


def iban_of(random: Random) -> str:
    """An IBAN of any country of SWIFT's registry."""
    _, country, _, facts, _ = random.choice(numdb.get("iban").prefixes)
    bban = "".join(_bban(random, facts["bban"]))
    whole = country + iban.calc_check_digits(f"{country}00{bban}") + bban
    separator = random.choice(["", " ", " ", "-"])
    text = separator.join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return text.lower() if random.random() < 0.2 else text


def _bban(random: Random, structure: str) -> Iterator[str]:
    size = ""
    for sign in structure:
        if sign in _CLASSES:
            yield from random.choices(_CLASSES[sign], k=int(size))
            size = ""
        elif sign != "!":
            size += sign


def us_ssn(random: Random) -> str:
    """A number that may have been given, with dashes."""
    area = random.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03}-{random.randint(1, 99):02}-{random.randint(1, 9999):04}"


def us_itin(random: Random) -> str:
    """A number of a taxpayer, with dashes."""
    return (
        f"9{figures(random, 2)}-{random.choice([50, 65, 70, 88, 90, 94, 99])}-{figures(random, 4)}"
    )


def in_aadhaar(random: Random) -> str:
    """A number in groups of four."""
    body = random.choice("23456789") + figures(random, 10)
    number = body + verhoeff.calc_check_digit(body)
    return in_groups(number, (4, 4), random.choice([" ", "-", " "]))


def in_pan(random: Random) -> str:
    """A number whose fourth letter is the kind of its holder."""
    letters = "".join(random.choices(string.ascii_uppercase, k=3))
    name, last = random.choices(string.ascii_uppercase, k=2)
    return f"{letters}{random.choice('ABCFGHJLPT')}{name}{random.randint(1, 9999):04}{last}"


_NAMES = "jane john.doe m_smith o'brien anna-lena x.y.z info sales+eu dev.ops müller 李雷".split()
_HOSTS = (
    "example.com mail.example.co.uk example.org sub.dept.example.edu münchen.example.de".split()
)
_HOSTS += "例え.example.jp пример.рф xn--mnchen-3ya.de a-b.io web.de".split()


def email(random: Random) -> str:
    """An address, some of them with letters beyond ASCII."""
    name = random.choice(_NAMES) + random.choice(["", figures(random, 2), f"+{figures(random, 3)}"])
    return f"{name}@{random.choice(_HOSTS)}"


def ip_address(random: Random) -> str:
    """An address of the fourth or the sixth version, long or short."""
    if random.random() < 0.5:
        return _ipv4(random)
    address = IPv6Address((0x2000 + random.randrange(0x1FFF) << 112) + random.getrandbits(112))
    if random.random() < 0.3:
        address = IPv6Address(int(address) & ~(((1 << 48) - 1) << 32))
    return random.choice([str(address), address.exploded, str(address).upper()])


def _ipv4(random: Random) -> str:
    """Four numbers, one of them too large for a version."""
    while True:
        address = IPv4Address(random.randint(1 << 24, (224 << 24) - 1))
        if max(address.packed) > 40:
            return str(address)


def mac_address(random: Random) -> str:
    """The address of an interface."""
    separator = random.choice(":-")
    return separator.join(f"{random.randrange(256):02x}" for _ in range(6))


# Numbers that python-stdnum's documentation gives as valid (2.2, January 2026), each behind its
# label; those of the United Kingdom and of Singapore are from HMRC's, the NHS's and ICA's pages.
NATIONAL = {
    "uk_nhs": "NHS number: |943 476 5870",
    "uk_nino": "NI number |JG 10 37 59 A",
    "de_tax_id": "Steuer-ID |36 574 261 809",
    "es_dni": "DNI |54362315K",
    "it_codice_fiscale": "|RCCMNL83S18D969H",
    "fr_nir": "numéro de sécurité sociale |295109912611193",
    "nl_bsn": "BSN |1112.22.333",
    "be_nn": "|85.07.30-033.28",
    "pl_pesel": "PESEL |44051401359",
    "se_personnummer": "personnummer |880320-0016",
    "fi_hetu": "|131052-308T",
    "dk_cpr": "CPR |211062-5629",
    "no_fodselsnummer": "fødselsnummer |151086 95088",
    "pt_nif": "NIF |501 964 843",
    "ie_pps": "PPS |6433435F",
    "at_svnr": "Sozialversicherungsnummer |1237 010180",
    "ch_ahv": "|756.9217.0769.85",
    "ro_cnp": "CNP |1630615123457",
    "cz_rc": "rodné číslo |710319/2745",
    "tr_kimlik": "kimlik |17291716060",
    "br_cpf": "|390.533.447-05",
    "mx_curp": "|BOXW310820HNERXN09",
    "ca_sin": "SIN |123-456-782",
    "au_tfn": "TFN |123 456 782",
    "za_id": "ID number |7503305044089",
    "cn_ric": "|360426199101010071",
    "kr_rrn": "RRN |971013-9019902",
    "id_nik": "NIK |3171011708450001",
    "my_nric": "MyKad |770305-02-1234",
    "sg_nric": "|S1234567D",
}

PHONE_REGIONS = (
    "US GB DE FR IT ES NL BE AT CH SE NO DK FI PL CZ PT IE AU NZ IN SG JP BR MX ZA".split()
)


def phone_in(random: Random, region: str, form: int) -> str:
    """A number of a region that libphonenumber takes for valid."""
    kind = random.choice(
        [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    )
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    while True:
        text = str(example.national_number)
        keep = random.randint(3, 4)
        number = phonenumbers.parse(
            f"+{example.country_code}{text[:keep]}{figures(random, len(text) - keep)}"
        )
        number.italian_leading_zero = example.italian_leading_zero
        if phonenumbers.is_valid_number_for_region(number, region):
            return phonenumbers.format_number(number, form)


def phone(random: Random) -> str:
    """A number with its country."""
    form = random.choice([PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164])
    return phone_in(random, random.choice(PHONE_REGIONS), form)


def national_phone(random: Random) -> str:
    """A number as it is written in its region."""
    return phone_in(random, random.choice(PHONE_REGIONS), PhoneNumberFormat.NATIONAL)


def date_of_birth(random: Random) -> str:
    """A day on which a person may have been born."""
    day = date(1930, 1, 1) + timedelta(days=random.randrange(28_000))
    return random.choice(
        [day.isoformat(), f"{day:%d/%m/%Y}", f"{day:%d.%m.%Y}", f"{day:%-d %B %Y}"]
    )


def passport(random: Random) -> str:
    """The number of a passport."""
    letters = "".join(random.choices("ABCEKLMNPX", k=random.randint(0, 2)))
    return letters + figures(random, 9 - len(letters))


IDENTIFIERS: Mapping[str, Make] = {
    "payment_card": payment_card,
    "iban": iban_of,
    "us_ssn": us_ssn,
    "us_itin": us_itin,
    "in_aadhaar": in_aadhaar,
    "in_pan": in_pan,
    "email": email,
    "ip_address": ip_address,
    "mac_address": mac_address,
    "phone": phone,
}
"""Type -> what makes an identifier that is found without a label."""


def _bare_ssn(random: Random) -> str:
    return us_ssn(random).replace("-", random.choice(["", " ", "."]))


def _bare_aadhaar(random: Random) -> str:
    return in_aadhaar(random).replace("-", "").replace(" ", "")


def _short_card(random: Random) -> str:
    first, length = random.choice([("4", 13), ("5018", 12), ("5612", 12), ("4", 19), ("6304", 13)])
    body = first + figures(random, length - len(first) - 1)
    return body + luhn.calc_check_digit(body)


LABELLED: Mapping[str, tuple[Make, Sequence[str]]] = {
    "us_ssn": (_bare_ssn, ["SSN", "social security number", "ssn_number", "Social Security No."]),
    "in_aadhaar": (_bare_aadhaar, ["Aadhaar", "aadhaar_no", "Aadhar card number", "UIDAI"]),
    "in_pan": (lambda r: in_pan(r).lower(), ["PAN", "pan_number", "Permanent Account Number"]),
    "payment_card": (_short_card, ["card number", "credit card", "cc", "card_no", "Kreditkarte"]),
    "passport": (
        passport,
        ["passport", "Passport No.", "passportNumber", "Reisepass", "passeport"],
    ),
    "date_of_birth": (
        date_of_birth,
        ["DOB", "date of birth", "birth_date", "born on", "geboren am"],
    ),
    "bank_account": (lambda r: figures(r, r.randint(8, 12)), ["bank account", "Account number"]),
    "us_driver_license": (
        lambda r: r.choice("DFKM") + figures(r, r.randint(7, 12)),
        ["driver's license", "Driver License No", "driving licence"],
    ),
    "phone": (national_phone, ["phone", "Tel.", "mobile", "call me at", "Telefon", "phoneNumber"]),
}
"""Type -> what makes an identifier that is found next to a label, and the labels."""

# ── texts ─────────────────────────────────────────────────────────────────────────────────────────

TEMPLATES = (
    "{}",
    "Please update the record of our customer: {}.",
    "{} is what she gave us, is it right?",
    '{{"id": 17, "value": "{}", "active": true}}',
    '{{\n  "rows": [\n    ["a", "{}"]\n  ]\n}}',
    "| name | value |\n|---|---|\n| Jane | {} |",
    "- **Value:** {}\n- *Other:* none",
    "Bitte prüfen Sie die Angabe {} bis morgen.",
    "Veuillez vérifier « {} » avant midi.",
    "Por favor, comprueba ({}) hoy mismo.",
    "请核对:{}。",
    "name,value\nJane,{}\n",
    "<value>{}</value>",
    "lookup(value='{}', limit=5)",
    "Dear team,\n\nthe number is {}\n\nRegards",
    "He wrote: “{}”!",
    "see [{}] and reply",
    "value={};next=1",
)
"""Texts for an identifier, in several languages and notations."""
LABELLED_TEMPLATES = (
    "{label}: {value}",
    "The {label} is {value}, I think.",
    "{label} {value}",
    '{{"{label}": "{value}"}}',
    '{{\n  "{label}": "{value}"\n}}',
    "| {label} | {value} |",
    "**{label}:** {value}",
    "{label}={value};",
    "<{label}>{value}</{label}>",
    "{label}\n{value}",
)
"""Texts for an identifier and its label."""


def planted(kind: str, make: Make, random: Random, count: int) -> Iterator[Planted]:
    """`count` texts for each template."""
    for template in TEMPLATES * count:
        value = make(random)
        start = len(template.partition("{}")[0].replace("{{", "{"))
        yield Planted(kind, template.format(value), start, start + len(value))


def planted_with_label(kind: str, random: Random, count: int) -> Iterator[Planted]:
    """`count` texts for each template and label."""
    make, labels = LABELLED[kind]
    for template, label in list(product(LABELLED_TEMPLATES, labels)) * count:
        value = make(random)
        text = template.format(label=label, value=value)
        start = text.index(value)
        yield Planted(kind, text, start, start + len(value))
