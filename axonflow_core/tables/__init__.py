"""What a provider plugin knows of its vendor, as TOML in its package.

    models    models.toml: the models, their limits, prices and lives, and what each refuses
    errors    errors.toml: how calls fail, and what the operator does about it
    reading   a file as values, checked member by member

A file is read when something of it is first asked for.
"""
