"""What the detectors of personal data find, by numbers that others publish, and what they leave
alone. `test_pii_measured.py` has the shares."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.numbers import luhn, luhn_runs
from axonflow_core.policy.detectors.pii import accounts, dialling
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Phase, Verdict

from .generated import NATIONAL


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def found(policy: Policy, text: str) -> list[tuple[str, str]]:
    """The type and the words of every finding."""
    findings = policy.evaluate(Phase.REQUEST, {"text": text}).findings
    return [(finding.rule, text[finding.start : finding.end]) for finding in findings]


# Source: https://docs.stripe.com/testing#cards, November 2026.
STRIPE = (
    "4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 "
    "5105105105105100 378282246310005 371449635398431 6011111111111117 6011000990139424 "
    "6011981111111113 3056930009020004 36227206271667 3566002020360505 6200000000000005 "
    "6200000000000047 6205500000000000004"
).split()


@pytest.mark.parametrize("number", STRIPE)
@pytest.mark.parametrize("frame", ["{}", "({})", '{{"n":"{}"}}', "a {} 123", "x\n{}\n"])
def test_the_cards_of_a_vendors_tests_are_found(policy: Policy, number: str, frame: str) -> None:
    assert found(policy, frame.format(number)) == [("payment_card", number)]


@pytest.mark.parametrize(
    "number",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242 - 4242 - 4242 - 4242",
        "4242\u20134242\u20134242\u20134242",
        "3782 822463 10005",
        "3622 720627 1667",
        "6205 5000 0000 0000 004",
        "620550 0000000000004",
        "4222 222 222 222",
    ],
)
def test_a_card_is_found_in_the_groups_that_people_write(policy: Policy, number: str) -> None:
    assert found(policy, f"take {number}.") == [("payment_card", number)]


@pytest.mark.parametrize("emphasis", ["_", "__", "___"])
@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("4242 4242 4242 4242", "payment_card"),
        ("4242424242424242", "payment_card"),
        ("GB29 NWBK 6016 1331 9268 19", "iban"),
        ("123-45-6789", "us_ssn"),
        ("2345 6789 0124", "in_aadhaar"),
        ("ABCPE1234F", "in_pan"),
        ("85.07.30-033.28", "be_nn"),
        ("192.168.10.77", "ip_address"),
        ("2001:db8::8a2e:370", "ip_address"),
        ("00:1b:44:11:3a:b7", "mac_address"),
        ("+44 20 7946 0018", "phone"),
        ("(212) 555-0123", "phone"),
    ],
)
def test_a_number_is_found_within_the_emphasis_of_markdown(
    policy: Policy, number: str, kind: str, emphasis: str
) -> None:
    assert (kind, number) in found(policy, f"it is {emphasis}{number}{emphasis}, she says")
    assert (kind, number) in found(policy, f"{emphasis}it is {number}{emphasis}")


@pytest.mark.parametrize("number", ["9405 5450 0915 3324 3856 46", "9405 5798 8638 4559 5630 02"])
def test_the_number_of_a_parcel_has_no_card_in_its_middle(policy: Policy, number: str) -> None:
    assert found(policy, number) == []
    assert dict(found(policy, f"{number.partition(' ')[2]} is a card"))["payment_card"]


def test_two_numbers_in_a_row_of_a_table_are_no_card(policy: Policy) -> None:
    assert found(policy, "14406\t49508363\t24752897\t17") == []
    assert found(policy, "49508363 24752897") == [("payment_card", "49508363 24752897")]


@pytest.mark.parametrize("number", ["4222222222222", "630427373398", "060426070011"])
def test_a_card_whose_length_is_that_of_other_numbers_wants_a_word_for_it(
    policy: Policy, number: str
) -> None:
    assert found(policy, f"my credit card is {number}") == [("payment_card", number)]
    assert found(policy, f"{number} is a card") == [("payment_card", number)]
    assert found(policy, f"my reference is {number}") == []


@pytest.mark.parametrize(
    "text",
    [
        "id 4242424242424242-1",
        "id 1-4242424242424242",
        "f4242424242424242",
        "4242 4242-4242 4242",
        "12345678-4242-4242-4242-424242424242",
        "0.4242424242424242",
        "1234 5678 4242 4242 4242 4242 5678 1234",
    ],
)
def test_digits_of_a_longer_token_are_no_card(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


# Source: SWIFT, IBAN Registry, release 99, examples of the countries.
IBANS = (
    "GB29NWBK60161331926819 DE89370400440532013000 FR1420041010050500013M02606 "
    "NL91ABNA0417164300 SA0380000000608010167519 CH9300762011623852957 NO9386011117947 "
    "MT84MALT011000012345MTLCAST001S BE68539007547034 BR1800360305000010009795493C1 "
    "LC55HEMM000100010012001200023015 PL61109010140000071219812874"
).split()


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_is_found_in_groups_and_in_small_letters(policy: Policy, number: str) -> None:
    in_fours = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    for written in (number, number.lower(), in_fours, in_fours.replace(" ", "-")):
        assert ("iban", written) in found(policy, f"Pay to {written} today.")


@pytest.mark.parametrize(
    "text", ["DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000", "DE89"]
)
def test_what_is_no_iban_is_left_alone(policy: Policy, text: str) -> None:
    assert "iban" not in dict(found(policy, f"pay {text}, please"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SSN: 123.45.6789", "123.45.6789"),
        ("SSNs are 123 45 6789", "123 45 6789"),
        ('{"employeeSsn": 123456789}', "123456789"),
        ("ssn123456789", "123456789"),
        ('{"ssn": "123456789"}', "123456789"),
        ("| SSN | 123456789 |", "123456789"),
        ("**social_security_number:** `123456789`", "123456789"),
        ("123\u201345\u20136789", "123\u201345\u20136789"),
    ],
)
def test_a_social_security_number_is_found_by_its_label_or_its_dashes(
    policy: Policy, text: str, number: str
) -> None:
    assert found(policy, text) == [("us_ssn", number)]


@pytest.mark.parametrize("text", ["123 45 6789", "123.45.6789", "123456789", "987-45-4321"])
def test_without_them_it_is_not_told_from_other_numbers(policy: Policy, text: str) -> None:
    assert found(policy, f"the id {text} is new") == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("ITIN 912-78-1234", "us_itin", "912-78-1234"),
        ("my aadhaar is 234567890124", "in_aadhaar", "234567890124"),
        ("2345 6789 0124", "in_aadhaar", "2345 6789 0124"),
        ("ABCPE1234F is mine", "in_pan", "ABCPE1234F"),
        ("my pan: abcpe1234f", "in_pan", "abcpe1234f"),
        ("passport X1234567", "passport", "X1234567"),
        ('"passportNumber": "AB123456"', "passport", "AB123456"),
        ("Reisepass-Nr. C01X00T47", "passport", "C01X00T47"),
        ("routing number 021000021", "bank_account", "021000021"),
        ("bank account: 12345678", "bank_account", "12345678"),
        ("bank 123456789 12345678901", "bank_account", "123456789 12345678901"),
        ("driver's license F162823540116", "us_driver_license", "F162823540116"),
        ("born on 12 March 1985", "date_of_birth", "12 March 1985"),
        ("DOB: 1985-03-12", "date_of_birth", "1985-03-12"),
        ("geboren am 12.03.1985", "date_of_birth", "12.03.1985"),
        # https://en.bitcoin.it/wiki/Genesis_block and BIP 173
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "crypto_wallet", None),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "crypto_wallet", None),
        ("00:1b:44:11:3a:b7", "mac_address", None),
    ],
)
def test_a_number_of_each_type_is_found(
    policy: Policy, text: str, kind: str, words: str | None
) -> None:
    assert found(policy, text) == [(kind, words or text)]


@pytest.mark.parametrize(
    ("label", "kind", "number"),
    [
        ('"dateOfBirth":', "date_of_birth", "1985-03-12"),
        ("né le", "date_of_birth", "3 août 1985"),
        ("Data urodzenia:", "date_of_birth", "12.03.1985"),
        ("تاريخ الميلاد:", "date_of_birth", "12/03/1985"),
        ("ccNum =", "payment_card", "4222222222222"),
        ("o cartão é", "payment_card", "4222222222222"),
        ("НОМЕР КАРТЫ", "payment_card", "4222222222222"),
        ("kredi kartı", "payment_card", "4222222222222"),
        ("SSN:", "us_ssn", "123 - 45 - 6789"),
        ("社会安全号码：", "us_ssn", "123456789"),
        ("आधार संख्या:", "in_aadhaar", "234567890124"),
        ('"panNumber":', "in_pan", "abcpe1234f"),
        ("hộ chiếu", "passport", "B1234567"),
        ("numéro de compte :", "bank_account", "12345678901"),
        ("Konto-Nr.", "bank_account", "1234567890"),
        ("licencia de conducir", "us_driver_license", "F162823540116"),
    ],
)
def test_a_label_may_be_of_another_language_or_in_a_program(
    policy: Policy, label: str, kind: str, number: str
) -> None:
    assert found(policy, f"{label} {number}") == [(kind, number)]
    assert (kind, number) not in found(policy, f"the reference is {number}")


@pytest.mark.parametrize(
    "text",
    [
        "PO1234567 and X1234567",
        "your passport will be renewed in 2024",
        "ABCDE1234F",
        "abcpe1234f",
        "aadhaar 234567890125",
        "234567890124",
        "2345.6789.0124",
        "routing number 021000022",
        "AWS account number 123456789012",
        "born on 32.13.1985",
        "Mozart was born on 27 January 1756",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "the class name is 123456789",
        "className: 123456789",
        "itinerary 912701234",
        "the driver's license expires on 2027-01-02",
        "a passport that was issued on 20240102",
    ],
)
def test_what_only_looks_like_one_is_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


@pytest.mark.parametrize("kind", NATIONAL)
def test_a_number_of_a_state_is_found(policy: Policy, kind: str) -> None:
    label, _, number = NATIONAL[kind].partition("|")
    for text in (
        f"{label}{number}",
        f"({label.strip()}:{number})",
        f"She gave us: {label}{number}, and left.",
    ):
        assert (kind, number) in found(policy, text)


WITHOUT_CHECK_DIGIT = {"uk_nino", "dk_cpr", "id_nik", "my_nric"}


@pytest.mark.parametrize("kind", sorted(NATIONAL.keys() - WITHOUT_CHECK_DIGIT))
def test_with_another_check_digit_it_is_none(policy: Policy, kind: str) -> None:
    label, _, number = NATIONAL[kind].partition("|")
    at = max(place for place, sign in enumerate(number) if sign.isdigit())
    others = [number[:at] + digit + number[at + 1 :] for digit in "0123456789"]
    hits = [each for each in others if kind in dict(found(policy, label + each))]
    assert number in hits
    assert len(hits) <= 2  # some sums are the same for 0 and 10


def test_a_number_for_which_the_package_has_a_fault_is_none(policy: Policy) -> None:
    assert found(policy, "136369998207186380") == []  # stdnum 2.2: cn.ric raises KeyError


def test_halves_of_surrogate_pairs_stop_no_detector(policy: Policy) -> None:
    assert found(policy, "phone \ud800 1234567890 \ud800") == [("phone", "1234567890")]


def test_every_type_of_a_state_has_a_number_here() -> None:
    from axonflow_core.policy.detectors.pii import national

    assert {detector.type for detector in national.DETECTORS} == set(NATIONAL)


@pytest.mark.parametrize(
    "address",
    [
        "jane@example.com",
        "Jane.Doe+news@mail.example.co.uk",
        "o'brien@example.org",
        "jane@exämple.de",
        "ä@пример.рф",
        "ä@пpимep.pф",
        "x_1@xn--mnchen-3ya.de",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "<{}>", "“{}”", "mail:{}.", "邮箱:{}。", "a, {}; b"])
def test_an_address_of_e_mail_is_found(policy: Policy, address: str, frame: str) -> None:
    assert found(policy, frame.format(address)) == [("email", address)]


@pytest.mark.parametrize(
    "text",
    [
        "user@localhost",
        "@jane and @jane.doe",
        "@app.route('/')",
        "git@github.com:owner/name.git",
        "x@w.transpose(0)",
        "postgres://user:word@db.example.com/x",
        "logo@2x.png",
        "react@18.2.0",
        "5 apples @ 2.50 each",
    ],
)
def test_a_sign_that_only_means_at_is_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.77",
        "192.168.1.20",
        "2001:db8::1",
        "2001:DB8:0:0:8:800:200C:417A",
        "fe80::1",
        "2001:db8:85a3::8a2e:370:7334",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "[{}]", "ip:{}.", "node:{}", "from {}, to", '"{}"', "http://{}/x"]
)
def test_an_address_of_a_machine_is_found(policy: Policy, address: str, frame: str) -> None:
    assert found(policy, frame.format(address)) == [("ip_address", address)]


@pytest.mark.parametrize("text", ["host 10.0.0.5", "10.0.0.5:8080", "10.0.0.0/8"])
def test_small_numbers_are_an_address_where_something_says_so(policy: Policy, text: str) -> None:
    assert [kind for kind, _ in found(policy, text)] == ["ip_address"]


@pytest.mark.parametrize(
    "text",
    [
        "version 203.0.113.77",
        "upgraded the driver from 535.104.5.12 to 203.0.113.77",
        "v10.2.3.4",
        "we use 1.2.3.4 and 10.0.0.5",
        "Chrome/120.0.60.71",
        "127.0.0.1, 0.0.0.0 and 255.255.255.0",
        "300.1.1.1",
        "d='M2.12 3.51.98.32 2.03.5'",
        "1.3.6.1.4.1.311",
        "01.84.17.61",
        "x[1::2] and std::begin and ::1",
        "12:34:56",
        "43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1",
    ],
)
def test_what_is_no_address_of_a_machine_is_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


@pytest.mark.parametrize(
    "number",
    [
        "+44 20 7946 0958",
        "+442079460958",
        "+41 (0)44 668 18 00",
        "(202) 456-1111",
        "202-456-1111",
        "1-202-456-1111",
        "202-456-1111 x12",
        "020 7946 0958",
        "06 12 34 56 78",
        "01.84.17.61.18",
        "+49 (0)30 123456",
        "0044 20 7946 0958",
        "00 44 20 7946 0958",
        "0049 (0)30 123456",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "({})", "call {}, please", '{{"a":"{}"}}', "{}\n"])
def test_a_telephone_number_is_found_by_how_it_is_written(
    policy: Policy, number: str, frame: str
) -> None:
    assert found(policy, frame.format(number)) == [("phone", number)]


@pytest.mark.parametrize(
    "text",
    [
        "Tel: 6123 4567",
        "mobile 98765 43210",
        '"phoneNumber": "2024561111"',
        "467 3395 office",
        "They're not answering at 451 5986",
        "0115 4960878 is my new mobile",
        "电话:138 1234 5678",
        "Tel 00442079460958",
        "Please ring 2024561111 and ask for Ann.",
    ],
)
def test_one_that_is_written_like_others_is_found_by_a_word_for_it(
    policy: Policy, text: str
) -> None:
    assert [kind for kind, _ in found(policy, text)] == ["phone"]


@pytest.mark.parametrize(
    "text",
    [
        "at 1712345678 and 1712345678901",
        "hosted-eu-20260812-09",
        "iPhone 15 2024 128",
        "601 124 388 EUR, 601 124 388€ and 256 000 000",
        "0399 0308 0301",
        "2024-01-02 12:34:56",
        "call us on 2024-01-02",
        "parcel 1234567890",
        "call_id 2024561111",
        "contact: 2024561111",
        "00442079460958",
        "00000000  00 49 30 12 34 56 78 90",
        "0044 1234 5678 0000 1234",
        "text 1234567890 and callback(1000000)",
        "telemetry-1481066021297",
        "s-.016.707.355 1.445",
        "<Buffer 62 63 64 65 66>",
        "can't reach 5.40.240.215",
        "ISBN 978-3-16-148410-0",
        "ZIP 02134-1234",
        "0151.23456789 and 48.858370, 2.294481",
        "6123 4567",
        "150+(150(100/100)) = 300",
        "<<450-75-120=255>>",
        "each phone is $3000 / 200 phones = $15",
        "6.02214076e+23 and 1e+1234567",
    ],
)
def test_a_number_of_something_else_is_no_telephone_number(policy: Policy, text: str) -> None:
    assert "phone" not in dict(found(policy, text))


WITHOUT_A_PACKAGE = """
import sys
sys.modules[sys.argv[1]] = None
from axonflow_core.config.values import PoliciesConfig
from axonflow_core.errors import ConfigError
from axonflow_core.policy.engine import Policy
try:
    Policy.build(PoliciesConfig())
except ConfigError as error:
    print(error.message, error.hint)
"""


@pytest.mark.parametrize(
    ("module", "package"), [("stdnum", "python-stdnum"), ("phonenumbers", "phonenumbers")]
)
def test_without_a_package_policies_are_not_built(module: str, package: str) -> None:
    command = [sys.executable, "-c", WITHOUT_A_PACKAGE, module]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{package}, which is not installed" in finished.stdout
    assert "axonflow-core[server]" in finished.stdout


def test_the_certain_and_grave_types_stop_a_call_and_the_others_do_not() -> None:
    personal = [detector for detector in DETECTORS if detector.category == "pii"]
    critical = {each.type for each in personal if each.severity == "critical"}
    stopping = {each.type for each in personal if each.action == "block"}
    assert critical == {"payment_card", "iban", "us_ssn", "us_itin", "in_aadhaar", "in_pan"}
    assert stopping == critical | set(NATIONAL)


@pytest.mark.parametrize("behind", ["/561-89-7421", "/4", ":8080", "/+44 121 234 6726"])
def test_a_telephone_with_its_country_may_stand_before_other_numbers(
    policy: Policy, behind: str
) -> None:
    assert ("phone", "+44 121 234 6725") in found(policy, f"a1/+44 121 234 6725{behind} b")


# ── texts full of numbers ─────────────────────────────────────────────────────────────────────────


def lines(line: Callable[[Random, int], str]) -> str:
    """100 KB of lines, each made of random numbers and its own."""
    random, made = Random(14), list[str]()
    while sum(map(len, made[:1])) * len(made) < 100_000:
        made.append(line(random, len(made)))
    return "\n".join(made)


ORDINARY: Mapping[str, Callable[[Random, int], str]] = {
    "a log": lambda random, n: (
        f"2026-{n % 12 + 1:02}-0{n % 9 + 1} 0{n % 9}:{n % 60:02}:07 127.0.0.1 took {n} ms"
    ),
    "a table": lambda random, n: " ".join(str(random.randrange(1_000)) for _ in range(20)),
    "products": lambda random, n: f"40{random.randrange(10**11):011};{n}",
    "timestamps": lambda random, n: f'{{"ts": {1_780_000_000_000 + 977 * n}, "v": {n}}}',
    "coordinates": lambda random, n: f"[{random.uniform(-180, 180):.6f}, {n / 99:.6f}]",
    "times": lambda random, n: f"{n % 24:02}:{n % 60:02}:{n % 59:02}",
    "identifiers": lambda random, n: f"{random.choice('ABXZ')}Q{random.randrange(10**6):06}",
    "dates": lambda random, n: f"0{n % 9 + 1}.{n % 12 + 1:02}.2026",
}


@pytest.mark.parametrize("line", ORDINARY.values(), ids=ORDINARY)
def test_a_long_text_full_of_numbers_is_judged(
    policy: Policy, line: Callable[[Random, int], str]
) -> None:
    decision = policy.evaluate(Phase.REQUEST, {"text": f"{lines(line)}\nSSN 123-45-6789"})
    assert "us_ssn" in {finding.rule for finding in decision.findings}
    assert decision.verdict is Verdict.BLOCKED


ROW = " ".join(str(number) for number in range(100, 160))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"{ROW}\n+49 30 901820", "+49 30 901820"),
        (f"{ROW} +49 30 901820", "+49 30 901820"),
        (f"{ROW}\ncall 030 901820 now", "030 901820"),
        (f"{ROW} 030 90 18 20 office", "030 90 18 20"),
    ],
)
def test_a_telephone_number_behind_a_row_of_numbers_is_found(
    policy: Policy, text: str, number: str
) -> None:
    assert any(rule == "phone" and number in words for rule, words in found(policy, text))


def test_a_row_of_numbers_has_no_telephone_number(policy: Policy) -> None:
    assert "phone" not in dict(found(policy, ROW))


def test_the_countries_that_an_iban_may_begin_with_are_those_of_the_registry() -> None:
    registry = import_module("stdnum.numdb").get("iban").prefixes
    assert sorted(accounts.COUNTRIES.split()) == sorted(name for _, name, *_ in registry)


@given(st.lists(st.text("0123456789", min_size=1, max_size=24), max_size=30))
def test_of_many_numbers_those_are_looked_at_whose_last_digit_is_right(numbers: list[str]) -> None:
    data = " ".join(numbers).encode()
    right = [data[start:end] for start, end in luhn_runs(data, 12, 19)]
    wanted = [one.encode() for one in numbers if 12 <= len(one) <= 19]
    assert right == [one for one in wanted if luhn(one) == 0]


@pytest.mark.thorough
def test_a_number_with_its_country_is_one_where_the_library_says_so() -> None:
    """The library's own examples, each as it is, with the prefix of its country, and cut."""
    phonenumbers = pytest.importorskip("phonenumbers")
    is_valid = phonenumbers.is_valid_number
    for region in phonenumbers.SUPPORTED_REGIONS:
        prefix = phonenumbers.PhoneMetadata.metadata_for_region(region).national_prefix or ""
        example = phonenumbers.example_number(region)
        national = phonenumbers.national_significant_number(example)
        for digits in (national, prefix + national, national[:-1], national[::-1]):
            number = f"{example.country_code}{digits}"
            expected = is_valid(phonenumbers.parse(f"+{number}"))
            is_one = dialling.plans().is_international(number.encode())
            assert is_one >= expected, number
            if digits == national:
                assert is_one is expected is True
