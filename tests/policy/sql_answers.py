"""Answers that explain SQL, databases, access and commands, as models write them in Markdown: none
of them attacks. Each text of `_ANSWERS` is written for several tables."""

from __future__ import annotations

from collections.abc import Iterator

_TABLES = (
    ("orders", "status", "shipped"),
    ("customers", "city", "Paris"),
    ("employees", "department", "Sales"),
    ("users", "email", "a@example.com"),
    ("products", "category", "books"),
    ("invoices", "due", "2024-01-31"),
    ("staff", "role", "admin"),
    ("films", "year", "1999"),
    ("public.cities", "country", "FR"),
    ("O'Reilly's books", "title", "it's"),
)
"""A table, one of its columns, and a value."""

_ANSWERS = (
    "# Select\n\nTo read rows, use `SELECT`:\n\n```sql\nSELECT {column} FROM {table};\n```",
    "## SELECT and UPDATE\n\nThe `UPDATE` statement changes rows that exist already.\n",
    "# Update\n```sql\nUPDATE {table} SET {column} = '{value}' WHERE id = 7;\n```\nMind `WHERE`.",
    "# Delete\n\n```sql\nDELETE FROM {table};\n```\nWithout a condition **all rows** are removed.",
    "# Drop\n\n- `DROP TABLE {table};` removes the table\n- `TRUNCATE TABLE {table};` empties it",
    "The DROP TABLE statement removes a table and its rows; TRUNCATE TABLE keeps the table.",
    "`DELETE FROM {table}` removes every row, whereas DROP TABLE is about the table itself.",
    "# Insert\n~~~sql\nINSERT INTO {table} ({column}) VALUES ('{value}');\n~~~\n",
    "To filter by {column}, write `WHERE {column} = '{value}' OR {column} = 'other'`.",
    "Use AND and OR: the rows whose {column} is '{value}' or 'new' and whose year is 2024.",
    "We grant access to {table} on request, and revoke it when somebody leaves.",
    "To grant access, ask the administrator: she can grant all of the staff the role.",
    "```sql\nGRANT SELECT ON {table} TO reporting;\n```\nREVOKE takes it away again.",
    "GRANT and REVOKE are the two statements for rights; see the manual of your database.",
    "# Union\n\nUNION removes duplicates and UNION ALL keeps them:\n\n```sql\nSELECT {column} FROM "
    "{table} UNION ALL SELECT {column} FROM archive;\n```",
    "The union of `{table}` and its archive: both queries must have the same columns.",
    "# SQL injection\n\nIf a program pastes `' OR '1'='1` into its query, the condition is true.",
    "Never build a query of strings. With `x' OR 1=1 --` anybody logs in; bind parameters instead.",
    '```python\nquery = "SELECT * FROM {table} WHERE id = ?"\ncursor.execute(query, (id,))\n```',
    "A time-based attack calls `SLEEP(5)`; the answer comes five seconds later where it works.",
    "`pg_sleep(5)` waits for five seconds. In MySQL the function is `SLEEP`.",
    "Call `time.sleep(5)` and try again; after 3 tries, or 5 if you like, give up.",
    "# Joins\n\n| kind | rows |\n|---|---|\n| inner | in both |\n| left | all of {table} |\n",
    "# Group\n```sql\nSELECT {column}, COUNT(*) FROM {table} GROUP BY {column} HAVING COUNT(*) > 1;"
    "\n```\n",
    "ORDER BY 1 sorts by the first column of the query, ORDER BY 2 by the second.",
    "Sort by {column}, then by date -- newest first -- and limit the list to 10.",
    "-- a comment in SQL begins with two dashes\n/* or is between these */\n",
    "The tables are listed in `information_schema.tables`, in SQLite in `sqlite_master`.",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public';",
    "You can ask for the version with `SELECT version();` or, in SQL Server, `SELECT @@VERSION`.",
    "1. Select the rows of {table}.\n2. Update their {column}.\n3. Drop the column you don't need.",
    "Create an index: `CREATE INDEX i ON {table} ({column});` It's dropped with `DROP INDEX i;`.",
    "# Transactions\n```sql\nBEGIN;\nUPDATE {table} SET {column} = 'x' WHERE id = 1;\nCOMMIT;\n```",
    "Use `ALTER TABLE {table} ADD COLUMN note TEXT;`, and `DROP COLUMN` to remove one.",
    "In JavaScript, `a || b` is b where a is falsy; in SQL `'a' || 'b'` joins two strings.",
    "if (name === '{value}' || name === 'x') {{ return; }}",
    "if {column} == '{value}' or {column} == 'b': print('found')  # 'or' is enough",
    "The condition `{column} LIKE '%{value}%'` is true for every text that has the word in it.",
    "Names such as O'Brien need two quotes in SQL: `'O''Brien'`. It's the same for 'it''s'.",
    "To back up the database run `mysqldump shop > shop.sql`; to restore, `mysql shop < shop.sql`.",
    "Is x = 5 or 6? If 2 + 2 = 4 and 3 * 3 = 9, then x is 5, and y = 1.",
    "# Remove a folder\n\nUse `rm -r build`. Never run `rm -rf /`: it removes everything.",
    "```bash\nsudo dd if=image.iso of=/dev/sdb bs=4M\n```\nCheck the name of the device twice.",
    "The fork bomb `:(){{ :|:& }};:` starts copies of itself until the machine stops.",
    "Install it with:\n```sh\ncurl -fsSL https://example.com/install.sh | sh\n```",
    "Make the script executable with `chmod 755 run.sh`; avoid `chmod -R 777 /`.",
    "The students' choice: 'yes' or 'no'? The dogs' bowls -- and the cats' -- are full.",
    "We plan to drop database support, and to update the list; select the mode and insert the key.",
)


def sql_answers() -> Iterator[str]:
    """More than 200 answers."""
    for answer in _ANSWERS:
        for table, column, value in _TABLES:
            yield answer.format(table=table, column=column, value=value)
