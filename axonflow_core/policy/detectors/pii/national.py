"""Numbers that states give to people, each with the check digits that python-stdnum knows.

Where nothing else is written like the number, it is found as it stands; where its check digits
could be another number's by chance, it is found behind a label.
"""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.frozen import frozen
from axonflow_core.policy.detectors.detector import Accept, Detector
from axonflow_core.policy.detectors.numbers import (
    BEGINS,
    ENDS,
    bare,
    is_part_of_longer,
    is_valid,
    standard,
)
from axonflow_core.policy.detectors.pii.hints import CODE, NINE_DIGITS
from axonflow_core.policy.detectors.pii.labels import behind, start_of
from axonflow_core.policy.rules import Action, Severity


@frozen(kw_only=True)
class National:
    """A kind of number of one state. Patterns are RE2's."""

    type: str
    name: str
    """What people call it, for the description."""
    module: str
    """Says which ones are valid: the module of python-stdnum, below `stdnum`."""
    shape: str = ""
    """How it is written behind a label, in any case."""
    labels: str = ""
    plain: str = ""
    """How it is written where it needs no label."""
    hint: str = NINE_DIGITS
    """What a text has in which it stands so."""

    def detector(self) -> Detector:
        """The detector that finds it."""
        return Detector(
            type=self.type,
            category="pii",
            action=Action.BLOCK,
            severity=Severity.HIGH,
            description=f"The text holds {self.name} (personal data).",
            pattern="|".join(self._patterns()),
            hint=self.hint if self.plain else _LABELS,
            accept=bare(_valid(self.module, "|".join(filter(None, (self.shape, self.plain))))),
            cost_us=12,
            load=lambda: standard(self.module),
        )

    def _patterns(self) -> Iterator[str]:
        if self.labels:
            yield behind(self.labels, f"(?i:{self.shape})")
        if self.plain:
            yield f"{BEGINS}(?:{self.plain}){ENDS}"


def _valid(module: str, shape: str) -> Accept:
    """Accepts what the module takes for valid."""
    begin = start_of(shape)

    def accept(data: bytes, start: int, end: int) -> tuple[int, int] | None:
        start = begin(data, start, end)
        if is_part_of_longer(data, start, end):
            return None
        return (start, end) if is_valid(module, data[start:end].decode(errors="replace")) else None

    return accept


_NATIONAL = (
    National(
        type="uk_nhs",
        name="a number of the British National Health Service",
        module="gb.nhs",
        labels=r"\bnhs\b",
        shape=r"\d{3}[ -]?\d{3}[ -]?\d{4}",
    ),
    National(
        type="de_tax_id",
        name="a German tax identification number",
        module="de.idnr",
        labels=r"steuer[\W_]?id|steuerliche id|steuer-?nr|\bidnr\b|\btin\b|\btax[\W_]?id",
        shape=r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
    ),
    National(
        type="es_dni",
        name="a Spanish identity number (DNI, NIE)",
        module="es.nif",
        labels=r"(?-i:\bDNI|\bNIE|\bNIF)\b|documento nacional|\"(?:dni|nie|nif)\b",
        shape=r"\d{8}[ -]?[A-Z]|[XYZ][ -]?\d{7}[ -]?[A-Z]",
    ),
    National(
        type="it_codice_fiscale",
        name="an Italian tax code",
        module="it.codicefiscale",
        plain=r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]",
        labels=r"codice[\W_]fiscale|\bcf\b",
        shape=r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]",
        hint=CODE,
    ),
    National(
        type="fr_nir",
        name="a French social security number (NIR)",
        module="fr.nir",
        plain=r"[12] \d{2} \d{2} \d[\dAB] \d{3} \d{3} \d{2}",
        labels=r"s[ée]curit[ée] sociale|\bnir\b|\binsee\b|num[ée]ro de s[ée]cu",
        shape=r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}",
    ),
    National(
        type="nl_bsn",
        name="a Dutch citizen service number (BSN)",
        module="nl.bsn",
        labels=r"\bbsn\b|burgerservicen|sofin",
        shape=r"\d{9}|\d{4}[. ]\d{2}[. ]\d{3}|\d{3}[. ]\d{3}[. ]\d{3}",
    ),
    National(
        type="be_nn",
        name="a Belgian national number",
        module="be.nn",
        plain=r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
        labels=r"rijksregister|registre[\W_]national|\bniss\b|\binsz\b",
        shape=r"\d{2}[. ]?\d{2}[. ]?\d{2}[ -]?\d{3}[. ]?\d{2}",
    ),
    National(
        type="pl_pesel",
        name="a Polish PESEL number",
        module="pl.pesel",
        labels=r"\bpesel\b",
        shape=r"\d{11}",
    ),
    National(
        type="se_personnummer",
        name="a Swedish personal identity number",
        module="se.personnummer",
        labels=r"person(?:nummer|nr)|personal identity",
        shape=r"(?:\d{2})?\d{6}[-+ ]?\d{4}",
    ),
    National(
        type="fi_hetu",
        name="a Finnish personal identity code",
        module="fi.hetu",
        plain=r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]",
        hint=CODE,
    ),
    National(
        type="dk_cpr",
        name="a Danish personal number (CPR)",
        module="dk.cpr",
        labels=r"\bcpr\b|cpr[\W_]?n|personnummer",
        shape=r"\d{6}[ -]?\d{4}",
    ),
    National(
        type="no_fodselsnummer",
        name="a Norwegian national identity number",
        module="no.fodselsnummer",
        labels=r"f[øo]dselsn|personnummer|\bfnr\b",
        shape=r"\d{6} ?\d{5}",
    ),
    National(
        type="pt_nif",
        name="a Portuguese taxpayer number (NIF)",
        module="pt.nif",
        labels=r"\bnif\b|contribuinte",
        shape=r"\d{3} ?\d{3} ?\d{3}",
    ),
    National(
        type="ie_pps",
        name="an Irish personal public service number",
        module="ie.pps",
        labels=r"\bppsn?\b|\bpps[\W_]?n|personal public service",
        shape=r"\d{7} ?[A-W][A-IW]?",
    ),
    National(
        type="at_svnr",
        name="an Austrian social insurance number",
        module="at.vnr",
        labels=r"sozialversicherung|\bsvnr\b|\bsv[\W_]?n",
        shape=r"\d{4} ?\d{6}",
    ),
    National(
        type="ch_ahv",
        name="a Swiss social insurance number (AHV, AVS)",
        module="ch.ssn",
        plain=r"756\.\d{4}\.\d{4}\.\d{2}",
        labels=r"\bahvn?\b|\bavs\b|\bahv[\W_]?n",
        shape=r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}",
    ),
    National(
        type="ro_cnp",
        name="a Romanian personal numerical code (CNP)",
        module="ro.cnp",
        labels=r"\bcnp\b|cod numeric",
        shape=r"\d{13}",
    ),
    National(
        type="cz_rc",
        name="a Czech or Slovak birth number",
        module="cz.rc",
        labels=r"rodn[ée] [čc][íi]slo|\brc\b",
        shape=r"\d{6}/?\d{3,4}",
    ),
    National(
        type="tr_kimlik",
        name="a Turkish identity number",
        module="tr.tckimlik",
        labels=r"kimlik|\btckn\b",
        shape=r"\d{11}",
    ),
    National(
        type="br_cpf",
        name="a Brazilian taxpayer number (CPF)",
        module="br.cpf",
        plain=r"\d{3}\.\d{3}\.\d{3}-\d{2}",
        labels=r"\bcpf\b",
        shape=r"\d{3}[. ]?\d{3}[. ]?\d{3}[ -]?\d{2}",
    ),
    National(
        type="mx_curp",
        name="a Mexican population registry code (CURP)",
        module="mx.curp",
        plain=r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d",
        hint=CODE,
    ),
    National(
        type="ca_sin",
        name="a Canadian social insurance number",
        module="ca.sin",
        labels=r"(?-i:\bSIN\b)|social insurance",
        shape=r"\d{3}[ -]?\d{3}[ -]?\d{3}",
    ),
    National(
        type="au_tfn",
        name="an Australian tax file number",
        module="au.tfn",
        labels=r"\btfn\b|tax file",
        shape=r"\d{3} ?\d{3} ?\d{3}",
    ),
    National(
        type="za_id",
        name="a South African identity number",
        module="za.idnr",
        labels=r"\b(?:id|identity)[\W_](?:no|num|nr)|\brsa id|south african id",
        shape=r"\d{6} ?\d{4} ?\d{3}",
    ),
    National(
        type="cn_ric",
        name="a Chinese resident identity number",
        module="cn.ric",
        plain=r"[1-9]\d{16}[0-9Xx]",
    ),
    National(
        type="kr_rrn",
        name="a Korean resident registration number",
        module="kr.rrn",
        labels=r"주민등록번호|주민번호|resident registration|\brrn\b",
        shape=r"\d{6}-?\d{7}",
    ),
    National(
        type="id_nik",
        name="an Indonesian identity number (NIK)",
        module="id.nik",
        labels=r"\bnik\b|\bktp\b|nomor induk",
        shape=r"\d{16}|\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{4}",
    ),
    National(
        type="my_nric",
        name="a Malaysian identity card number",
        module="my.nric",
        labels=r"mykad|\bnric\b|\bic[\W_](?:no|num)",
        shape=r"\d{6}-?\d{2}-?\d{4}",
    ),
)

_LABELS = "|".join(f"(?i:{one.labels})" for one in _NATIONAL if not one.plain)
"""The hint of all that want one."""

# ── numbers that python-stdnum does not know ──────────────────────────────────────────────────────

_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"
_NOT_GIVEN = frozenset([b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"])
_nino_start = start_of(f"(?i:{_NINO})")


def _nino(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, unless its prefix is not given. Source: HMRC, "National Insurance Manual",
    NIM39110, November 2025. It has no check digit."""
    start = _nino_start(data, start, end)
    return (start, end) if data[start : start + 2].upper() not in _NOT_GIVEN else None


_NRIC = r"[STFGM]\d{7}[A-Z]"
_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
_OFFSETS = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}
_LETTERS = {"S": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
_LETTERS |= {"T": _LETTERS["S"], "G": _LETTERS["F"]}
_nric_start = start_of(f"(?i:{_NRIC})")


def _nric(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if its last letter is right: the weighted sum of the digits modulo 11."""
    start = _nric_start(data, start, end)
    number = data[start:end].decode(errors="replace").upper()
    first, figures, last = number[0], map(int, number[1:8]), number[8]
    total = _OFFSETS[first] + sum(a * b for a, b in zip(figures, _WEIGHTS, strict=True))
    return (start, end) if _LETTERS[first][total % 11] == last else None


DETECTORS = (
    *(national.detector() for national in _NATIONAL),
    Detector(
        type="uk_nino",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.HIGH,
        description="The text holds a British national insurance number (personal data).",
        pattern=f"{BEGINS}{_NINO}{ENDS}|"
        + behind(r"\bnino\b|\bni[\W_]n|national insurance", f"(?i:{_NINO})"),
        hint=CODE,
        accept=bare(_nino),
    ),
    Detector(
        type="sg_nric",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.HIGH,
        description="The text holds a Singaporean identity number (NRIC, FIN; personal data).",
        pattern=f"{BEGINS}{_NRIC}{ENDS}|" + behind(r"\bnric\b|\bfin\b", f"(?i:{_NRIC})"),
        hint=CODE,
        accept=bare(_nric),
    ),
)
