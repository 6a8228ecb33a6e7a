"""Texts that look as if somebody's number stood in them, and have none: orders, accounts of clouds,
times, versions, digests, parcels, measures. Drawn from a `Random`, as `generated` draws."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from stdnum import ean, luhn

from .generated import Make, figures, in_groups


def _moment(random: Random) -> datetime:
    return datetime.fromtimestamp(random.randint(1_500_000_000, 1_900_000_000), UTC)


def _hex(random: Random, count: int) -> str:
    return "".join(random.choices("0123456789abcdef", k=count))


def _base64(random: Random, count: int) -> str:
    return base64.b64encode(random.randbytes(count)).decode()


def _between(random: Random, digits: int) -> int:
    """A number of so many digits."""
    return random.randrange(10 ** (digits - 1), 10**digits)


def without_luhn(random: Random) -> str:
    """Sixteen digits that begin as cards do, and whose last one is wrong."""
    while True:
        number = random.choice("3456") + figures(random, 15)
        if not luhn.is_valid(number):
            return random.choice([number, in_groups(number, (4, 4, 4), random.choice(" -"))])


def _minified(random: Random) -> str:
    names = random.choices(string.ascii_lowercase, k=6)
    code = "".join(
        f"{name}={random.randrange(10**6)}*{name}.x[{random.randrange(99)}]||0x{_hex(random, 6)};"
        for name in names
    )
    return f"!function(e,t){{{code}}}(this,1e{random.randint(3, 12)}),c@d.map(0)"


def _book(random: Random) -> str:
    body = random.choice(["978", "979"]) + figures(random, 9)
    number = body + ean.calc_check_digit(body)
    return f"ISBN {random.choice([number, in_groups(number, (3, 1, 2, 6), '-')])}"


def _article(random: Random) -> str:
    body = random.choice("045") + figures(random, 11)
    return f"EAN {body}{ean.calc_check_digit(body)}"


def _version(random: Random) -> str:
    return ".".join(str(random.randint(0, most)) for most in (30, 99, 255, 255))


def _parcel(random: Random) -> str:
    return random.choice(
        [
            f"UPS 1Z{''.join(random.choices(string.digits + 'AEWRX', k=6))}{figures(random, 10)}",
            f"FedEx tracking {figures(random, 12)}",
            f"DHL {figures(random, 10)}",
            f"parcel JD{figures(random, 18)}",
            f"USPS 94{figures(random, 20)}",
            in_groups(f"94{figures(random, 20)}", (4, 4, 4, 4, 4), " "),
        ]
    )


def _timestamps(random: Random) -> str:
    when = _moment(random)
    log = [
        when.isoformat(),
        f"{when:%Y%m%d%H%M%S}",
        f"{when:%Y-%m-%d %H:%M:%S},{figures(random, 3)}",
    ]
    return json.dumps({"createdAt": log[0], "at": int(log[1]), "line": log[2], "ms": 1e3})


def _unix_time(random: Random) -> str:
    seconds = random.randint(1_500_000_000, 1_900_000_000)
    scaled = seconds * random.choice([1, 10**3, 10**6, 10**9]) + random.randrange(999)
    return random.choice(
        [f'{{"ts": {scaled}, "ok": true}}', f"at={scaled} done", f"since {scaled}"]
    )


def _row(random: Random) -> str:
    return " ".join(str(random.randint(1, 9999)) for _ in range(random.randint(4, 12)))


def _years(random: Random) -> str:
    first = sorted(random.sample(range(1900, 2020), 4))
    return ", ".join(f"{year}-{year + 4}" for year in first)


def _measures(random: Random) -> str:
    ratio = f"{random.randint(0, 999)}.{figures(random, random.randint(7, 17))}"
    thousands = f"{random.randint(10, 999)},{figures(random, 3)},{figures(random, 3)}"
    return random.choice(
        [f"the ratio {ratio} holds", f"a total of {thousands} EUR", f"${thousands}"]
    )


HARD_NEGATIVES: Mapping[str, Make] = {
    "order of nine digits": lambda r: f"order {_between(r, 9)} was shipped",
    "order of ten digits": lambda r: f"invoice {_between(r, 10)} is open",
    "order with dashes": lambda r: f"Order #{figures(r, 3)}-{figures(r, 7)}-{figures(r, 7)} left",
    "order in JSON": lambda r: json.dumps({"orderId": int("7" + figures(r, 11)), "n": 3}),
    "ZIP+4": lambda r: f"Springfield, IL {figures(r, 5)}-{figures(r, 4)}",
    "AWS account": lambda r: (
        f"arn:aws:iam::{_between(r, 12)}:role/x, AWS account {_between(r, 12)}"
    ),
    "sixteen digits": lambda r: f"reference {without_luhn(r)}",
    "Unix time": _unix_time,
    "Git SHA": lambda r: f"commit {_hex(r, 40)}, revert {_hex(r, r.randint(7, 12))}",
    "dated id": lambda r: f"hosted-eu-{_moment(r):%Y%m%d}-{r.randrange(99):02} failed",
    "purchase order": lambda r: f"see PO{figures(r, 7)} and INV-{figures(r, 8)}",
    "version": lambda r: f"{r.choice(['version ', 'release ', 'v', 'firmware: '])}{_version(r)}",
    "browser": lambda r: (
        f"Chrome/{_between(r, 3)}.0.{_between(r, 4)}.{figures(r, 2)} Safari/537.36"
    ),
    "base64": lambda r: _base64(r, 90),
    "integrity": lambda r: f'integrity="sha512-{_base64(r, 64)}"',
    "UUID": lambda r: f"id {UUID(int=r.getrandbits(128))}",
    "UUID of digits": lambda r: f"id {in_groups(figures(r, 32), (8, 4, 4, 4), '-')}",
    "parcel": _parcel,
    "timestamps": _timestamps,
    "minified": _minified,
    "book": _book,
    "article": _article,
    "measure": _measures,
    "coordinates": lambda r: f"{r.uniform(-90, 90):.6f}, {r.uniform(-180, 180):.6f}",
    "scientific": lambda r: f"{r.uniform(1, 10):.9f}e{r.choice('+-')}{r.randint(1, 30):02}",
    "row of numbers": _row,
    "years": _years,
    "part number": lambda r: (
        f"part {figures(r, 2)}-{figures(r, 4)}-{figures(r, 2)} rev {figures(r, 3)}"
    ),
    "decimal like a phone": lambda r: (
        f"0{figures(r, 3)}.{figures(r, 6)}, {figures(r, 3)}.{figures(r, 7)}"
    ),
    "path": lambda r: f"/blog/{_moment(r):%Y/%m/%d}/{figures(r, 6)}-title-{_hex(r, 8)}",
    "code": lambda r: (
        f"@app.route('/v{_between(r, 2)}')\nx[{_between(r, 2)}::2]; a@localhost; b@w.T"
    ),
    "clock": lambda r: f"{_moment(r):%H:%M:%S} to {_moment(r):%H:%M:%S.%f}, lap 1:{figures(r, 2)}",
}
"""Kind -> what makes a text with nothing personal in it."""
