"""SQL injection: a text that leaves the value it was meant to be, and goes on as SQL.

Each kind is a way to go on, and wants more than words that people use: "the union select committee"
is none, nor is "'yes' or 'no'". Nearly all of them begin where a value ends: behind a quote that
the text did not open, or a number. Sources of the kinds: OWASP's Web Security Testing Guide 4.2,
WSTG-INPV-05; the lists of payloads that the tests name.
"""

from __future__ import annotations

from axonflow_core.policy.detectors.kinds import B, Kind, S, behind_open_quote
from axonflow_core.policy.detectors.sql.candidates import (
    beside_no_query,
    broken_keyword,
    ends_early,
    ends_query,
    equals_itself,
    joins_constants,
    joins_foreign,
    of_a_thing,
    same_name,
)
from axonflow_core.policy.detectors.sql.grammar import (
    BEFORE,
    CATALOGS,
    COMMON,
    COMPARED,
    END,
    JOINT,
    NAME,
    NUMBER,
    PROBES,
    QUOTE,
    STRING,
)

INJECTIONS = (
    # ── a second query joined to the first ──
    Kind(
        hint=r"union[\s+(-]*(?:all|distinct|select)",
        pattern=(
            rf"union[\s+(-]*(?:(?:all|distinct(?:row)?)[\s+(-]*select\b[\s+(]*"
            rf"|select[\s+(]*(?:null\b|[-+~!(\d'\"@*$`\\]|{NAME}{S}[,(|]|{NAME}{B}(?:from|as)\b"
            rf"|{END}))"
            rf"|['\")\d]{S}union[\s+(-]*select\b|union{S}[(][\s+(]*select\b"
        ),
        accept=joins_foreign,
    ),
    # ── a condition of constants ──
    Kind(
        hint=rf"['\"`][\s+)]*{JOINT}",
        pattern=(
            rf"{QUOTE}{JOINT}{BEFORE}(?:{NUMBER}{S}[)]*{S}{COMPARED}"
            rf"|{STRING}{S}[)]*{S}{COMPARED}|(?:\"\"|''){S}[-&^*+|/%]?{S}['\"]"
            rf"|(?:true|false|null|{NUMBER}){S}[)]*{S}(?:{END}|;|limit{B}\d|{JOINT}\b))"
            rf"[^\s'\"]{{0,30}}['\"]?"
            rf"|(?:{QUOTE}|[)]){S}{JOINT}[\s+(]*['\"]\w{{1,8}}[^\w\s'\"=]{{1,3}}=[\s+(]*['\"]"
        ),
        accept=joins_constants,
    ),
    Kind(
        hint=rf"{JOINT}[\s+(]+['\"]",
        pattern=(
            rf"\b(?:or|and)[\s+(]+{STRING}[\s+)]*(?:=|<>|like\b)[\s+(]*n?['\"]"
            rf"|\b(?:or|and)[\s+]+{STRING}{S}>{S}['\"]"
        ),
    ),
    Kind(
        hint=rf"\b(?:or|and){B}(?:true|false|\d+){END}",
        pattern=rf"\b(?:or|and){B}(?:true|false|\d+){END}",
    ),
    Kind(
        hint=(
            rf"{JOINT}[\s+(!~@'\"-]*(?:(?:not|binary)[\s+(]*)?['\"]?{NUMBER}['\")\s+]*="
            rf"|having[\s+(!~@-]+{NUMBER}{S}=|where{B}{NUMBER}="
        ),
        pattern=(
            rf"(?:\b|\d|\)){JOINT}{BEFORE}['\"]?{NUMBER}['\"]?[\s+)]*=[\s+(!'\"-]*{NUMBER}\b"
            rf"|\bhaving{BEFORE}{NUMBER}{S}=[\s+(]*{NUMBER}"
            rf"|\bwhere{B}(?:{NUMBER}={NUMBER}{B}and{B}{NUMBER}={NUMBER}|\d\d+={NUMBER}\b)"
        ),
        accept=equals_itself,
    ),
    Kind(
        hint=rf"\bor{B}[\w.]+{S}=",
        pattern=rf"\b(?:or|and){B}{NAME}{S}={S}{NAME}\b",
        accept=same_name,
    ),
    Kind(
        hint=rf"['\"`][\s+)]*{JOINT}",
        pattern=rf"{QUOTE}{JOINT}{BEFORE}{STRING}[\s+)]*{END}",
        accept=behind_open_quote,
    ),
    # ── a condition on columns, behind a quote that the text did not open ──
    Kind(
        hint=rf"['\"`][\s+)]*{JOINT}",
        pattern=(
            rf"['\"][\s+)]*{JOINT}[\s+(!]+{NAME}(?:\([^()]*\))?{S}"
            rf"(?:=[^=]|<>|!=|(?:not{B})?(?:r?like|regexp)[\s+]*(?:[('\"\d]|char)"
            rf"|is{B}(?:not{B})?null\b)"
        ),
        accept=behind_open_quote,
    ),
    Kind(
        hint=r"\w['\"](?:or|and|\|\|)['\"]\w",
        pattern=r"\w['\"](?:x?or|and|\|\|)['\"]\w+['\"]?=",
    ),
    Kind(
        hint=r"['\"][\s+]*\|\|[\s+]*\w",
        pattern=rf"['\"]{S}\|\|{S}{NAME}\(",
        accept=behind_open_quote,
    ),
    # ── probes: what a condition asks of the database ──
    Kind(
        hint=rf"{JOINT}[\s+(!~=\d<>-]*[a-z_]+\(|\(\s*select\b"
        rf"|case{B}when[\s+(]*{NUMBER}|\bi?if{S}\({S}{NUMBER}{S}=",
        pattern=(
            rf"\d{S}(?:x?or|and)\b[\s+(!~-]*(?:{PROBES}\(|{COMMON})"
            rf"|{JOINT}[\s+(!~-]*(?:ascii|ord|substr(?:ing)?|mid|elt|isnull){S}\({S}(?:lower\()?"
            rf"(?:\(?{S}select\b|substr|@@|1/0)"
            rf"|{JOINT}{B}[(]*{NUMBER}{S}(?:=|<|>|in\b){S}"
            rf"(?:\({S}(?:select|if|case)\b|(?:ascii|convert|cast|like|ord|substr\w*){S}\()"
            rf"|(?:{JOINT}|r?like|regexp|div|[-+*/])[\s+(]*\({S}select{B}"
            rf"(?:substr\w*{S}\({S}@@|\*{B}from{S}\({S}select|{NUMBER}{B}from{S}\("
            rf"|count{S}\(\*\),|top{B}\d|{S}\(?case{B}when[\s+(]*{NUMBER}={NUMBER})"
            rf"|\({S}select{S}\(?(?:sleep|benchmark|pg_sleep|load_file){S}\("
            rf"|case{B}when[\s+(]*{NUMBER}{S}={S}{NUMBER}[\s+)]*then\b"
            rf"|\bi?if{S}\({S}{NUMBER}{S}={S}{NUMBER}{S}[,)]"
        ),
    ),
    Kind(
        hint=rf"['\"][\s+)]*{JOINT}",
        pattern=rf"['\"][\s+)]*{JOINT}[\s+(!~-]*(?:{PROBES}\(|{COMMON})",
        accept=behind_open_quote,
    ),
    # ── functions that wait ──
    Kind(
        hint=(
            r"sleep[\s+]*\(|benchmark[\s+]*\(|wait?for[\s+]+(?:delay|time)|randomblob[\s+]*\(\d"
            r"|receive_message|generate_series[\s+]*\(\d|regexp_substring|make_set[\s+]*\(\d"
        ),
        pattern=(
            rf"\bwait?for{B}(?:delay|time){S}\(?{S}['\"]\d"
            rf"|\bbenchmark{S}\({S}[\d.e]+{S},{S}\w+{S}\("
            rf"|\bdbms_(?:pipe[.]receive_message|lock[.]sleep){S}\("
            rf"|randomblob{S}\({S}\d{{7}}|\bgenerate_series{S}\({S}\d+{S},{S}\d{{6}}"
            rf"|\bregexp_substring{S}\({S}repeat{S}\(|\buser_lock[.]sleep{S}\("
            rf"|\bwaitfor{B}delay{B}@"
            rf"|\bmake_set{S}\({S}{NUMBER}{S}="
            rf"|(?:\b(?:select|and|or|xor|when|then|by|div|r?like|regexp){B}|['\"]{S}(?:&&|\|\|"
            rf"|[-+*/,;]|and\b|or\b)"
            rf"|\|\||[,(]{S}select{S}|[,])[\s+(!]*(?:pg_)?sleep{S}\({S}(?:\d+(?:[.]\d+)?"
            rf"|__\w+__){S}\)"
            rf"|(?:^|[\s(;'\"])(?:pg_)?sleep\((?:\d+|__\w+__)\)[)]*(?:#|--|/\*|={S}['\"])"
            rf"|&&(?-i:SLEEP)\(\d+\)"
        ),
    ),
    # ── functions that tell of the database, reach files or run commands ──
    Kind(
        hint=(
            r"extractvalue|updatexml|load_file|utl_(?:inaddr|http)|\bxp_\w|sp_oacreate|@@\w"
            r"|into[\s+]+(?:out|dump)file|floor\(rand|information_schema|concat(?:_ws)?\(0x"
            r"|\bcha?r\(\d|analyse|\belt\(|drithsx|dbms_|data[\s+]+infile|master\.\.|0x[\da-f]{12}"
            r"|is_srvrolemember|serverproperty|current_setting|\bcopy[\s+]+\w+[\s+]+(?:from|to)\b"
        ),
        pattern=(
            rf"\b(?:extractvalue|updatexml){S}\({S}[\w@'\"]+{S},{S}(?:concat|0x|make_set)"
            rf"|\bload_file{S}\({S}(?:0x|char|['\"](?:/|c:))"
            rf"|\butl_(?:inaddr[.]get_host\w+|http[.]request)\b|\bxp_(?:cmdshell|reg\w+|dirtree)\b"
            rf"|\bsp_oacreate\b|\binto{B}(?:out|dump)file{S}[\s+(]*(?:['\"]|substring)"
            rf"|\bfloor{S}\({S}rand{S}\(|\bconcat(?:_ws)?{S}\({S}0x[\da-f]"
            rf"|(?:union|select|and|or|like|=|\bin)[\s+(]*(?:select{B})?@@(?:global[.])?\w+"
            rf"|(?:char|chr)\(\d+\){S}(?:\+|\|\|){S}(?:char|chr)\(\d+\)"
            rf"|\bprocedure{B}analyse{S}\(|\belt{S}\({S}[-\d+]+{S}[=,]|drithsx"
            rf"|\bdata{B}infile{B}['\"]|\bmaster[.][.](?:xp_|sys)|0x[\da-f]{{12,}}{B}exec"
            rf"|\bis_srvrolemember{S}\(|\b(?:and|or|if|not)[\s+(]*(?:select{B})?serverproperty{S}\("
            rf"|['\"][\s+)]*select{B}[\w*,]+{B}from{B}information_schema\b"
            rf"|\bfrom{B}information_schema[.]\w+{S};?{S}(?:--|#)"
            rf"|\bselect{B}current_setting{S}\(|\bcopy{B}\w+{B}(?:from|to){B}(?:program\b|'/etc/)"
        ),
    ),
    # ── a statement behind the first ──
    Kind(
        hint=rf";{S}(?:drop|truncate){B}",
        pattern=rf";{S}(?:drop|truncate){B}(?:table|database|schema|view|user){B}[\w.\"`\[]+",
        accept=of_a_thing,
    ),
    Kind(
        hint=(
            rf";{S}(?:(?:drop|truncate|alter|exec|execute|shutdown|delete|declare|if|x?or)\b"
            rf"|select{B}pg_sleep|waitfor)"
        ),
        pattern=(
            rf";{S}drop{B}\w+{S}--|;{S}alter{B}(?:table|user|database)\b"
            rf"|;{S}shutdown{S}(?:;|--|#|with{B}nowait)"
            rf"|;{S}exec(?:ute)?{S}\(?{S}(?:xp_|sp_|master|immediate\b|@)"
            rf"|;{S}exec{S}\({S}['\"][^'\"]*['\"]{S}[+|]"
            rf"|;{S}delete{B}from{B}[\w.\"`\[\]]+{S}(?:;|--|where\b)"
            rf"|;{S}x?or{S}['\"(]*\w+['\")]*{S}=|;{S}if{S}\([\s+(]*{NUMBER}{S}={S}{NUMBER}"
        ),
    ),
    Kind(
        hint=rf"['\"][\s+)]*;{S}[a-z]",
        pattern=(
            rf"['\"][\s+)]*;{S}(?:insert{B}into|delete{B}from|update{B}[\w.]+{B}set|drop|desc"
            rf"|grant|begin|declare|while{B}\d|select|exec|shutdown"
            rf"|if{S}(?:not\b)?[\s+(]*(?:select|is_srv|substring|ascii|exists|len|\d))\b"
        ),
        accept=behind_open_quote,
    ),
    Kind(
        hint=rf"declare{B}@|exec(?:ute)?[\s+(]+(?:master|xp_|sp_|@)",
        pattern=(
            rf"\bdeclare{B}@\w+{B}n?(?:var)?char{S}\(\d+\){B}(?:0x|set{B}@|select{B}@)"
            rf"|\bexec(?:ute)?[\s+(]+(?:master[.]|xp_\w|sp_(?:executesql|oacreate|password))"
            rf"|\bexec(?:ute)?{S}\({S}@\w+{S}\)|['\"]{S}declare{B}@"
            rf"|['\"\d]{S}exec(?:ute)?[\s+(]+(?:master|[xs]p_|immediate|@)"
        ),
    ),
    # ── the rest of the query as a comment ──
    Kind(
        hint=rf"['\"][\s+);]*{END}",
        pattern=(
            rf"[\w>)%]['\"][);]*(?:--(?:[\s+-]|\z)|/\*(?:\s|\z)|#\z)"
            rf"|[\w>)]['\"]{S}[);]*{S}{END}{S}\z"
            rf"|\b(?:admin\w*|root|sa|user\w*|test)['\"][)]*{S}{END}|(?:^|\s)['\"][)]*;{S}--"
        ),
        accept=ends_query,
    ),
    Kind(
        hint=rf"(?:order|group){B}by{B}\w|like{B}char\(",
        pattern=(
            rf"\border{B}by{B}\d+(?:{S},{S}\d+)*{S}{END}|\border{B}by{B}\d*,?(?:sleep|if{S}\()"
            rf"|\bgroup{B}by{B}[\w.,()*\s]+having{B}['\"]?\d|\b(?:or|and){B}{NAME}{B}like{B}char\("
            rf"|['\"\d][)]*{B}(?:order|group){B}by{B}[\w.,]+{S}{END}"
        ),
    ),
    Kind(
        hint=rf"(?-i:ORDER{B}BY){B}\d",
        pattern=rf"(?-i:\bORDER{B}BY){B}\d+\b",
        accept=beside_no_query,
    ),
    # ── what a database tells of its users ──
    Kind(
        hint=rf"from{B}(?:mysql[.]|pg_|sys|master[.]|dba_|v[$]|rdb[$]|all_|domain[.])",
        pattern=rf"\bselect{B}[\w*,.()'|=\s]+{B}from{B}{CATALOGS}",
    ),
    # ── a keyword with a comment in it ──
    Kind(
        hint=r"[a-z]/\*[^*]*\*/[a-z]",
        pattern=r"[a-z_]{1,12}/\*[^*]{0,40}\*/[a-z_]{1,12}",
        accept=broken_keyword,
    ),
    # ── a query behind a quote ──
    Kind(
        hint=r"['\"][\s+)(]*(?:select|insert|drop|grant)\b",
        pattern=(
            rf"['\"][\s+)(]*(?:select{B}(?:[\w.]+(?:\(\w*\))?{S},?{S})+from{B}\w"
            rf"|insert{B}into{B}\w|drop{B}table{B}\w"
            rf"|grant{B}[\w, ]+{B}to{B}\w)"
        ),
        accept=ends_early,
    ),
)
