"""Pieces of SQL, as RE2 patterns: of values, conditions and names, as attackers write them."""

from __future__ import annotations

from axonflow_core.policy.detectors.kinds import B, S

QUOTE = r"['\"`][\s+)]*"
"""The quote that ends a value, and what closes behind it."""
JOINT = r"(?:x?or|and|\|\||&&)"
"""What joins a condition to the one before."""
BEFORE = r"[\s+(!~@-]*(?:not\b|binary\b)?[\s+(!~-]*"
"""What may stand before an operand."""
NUMBER = r"(?:0x[0-9a-f]+|\d+(?:\.\d*)?(?:e\d+)?)"
STRING = r"(?:n?'[^']*'|\"\"[^\"]+\"\"|n?\"[^\"]*\")"
NAME = r"[a-z_@][\w.$@]*"
EQUALS = r"=[^=>]"
LIKE = r"(?:not[\s+]+)?(?:(?:r?like|regexp)\b[\s+]*(?:[('\"\d]|char)|in\b[\s+]*[(])"
COMPARED = rf"(?:{EQUALS}|<>|!=|[<>]=?[\s+(-]*['\"\d@]|{LIKE}|between\b{S}\d|sounds{B}like\b)"
"""A comparison, without its second operand."""
END = r"(?:--|#|/\*)"
"""What makes a comment of the rest of the query."""
CATALOGS = (
    r"(?:mysql[.]user\b|pg_(?:shadow|authid|group)\b|sys(?:objects|columns|users)\b"
    r"|sys(?:cat|ibm)[.]\w+|master[.][.]\w+|dba_(?:users|tables|role\w+)\b"
    r"|v[$](?:version|instance|database|session)\b|rdb[$]\w+"
    r"|sys[.](?:user[$]|all_\w+)|all_(?:tab_columns|users)\b|sysmaster:\w+|domain[.]domains\b)"
)
"""Tables of users and their rights, and of tables, as no report is made from."""
PROBES = (
    r"(?:ascii|substr(?:ing)?|mid|char_length|iif|isnull|ifnull|elt|user_name|system_user|load_file"
    r"|extractvalue|updatexml|sleep|benchmark|pg_sleep|json_keys|make_set|soundex|find_in_set"
    r"|query_to_xml|database_to_xml|lo_import|pg_read_file)"
)
"""Functions with which an attacker asks the database about itself."""
COMMON = (
    r"(?:ord|left|length|len|count|if|hex|exists|database|version|cast|convert|md5|row|case)"
    r"[\s+]*\([\s+(]*(?:select\b|@@|substr|mid\(|database\(|user\b|version\(|\d|passw|char\()"
)
"""Functions that programs have, too, where they are asked about the database."""
