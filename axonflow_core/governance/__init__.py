"""The one way through: a call is checked, made, checked again and recorded.

    caller      who calls, and what it may use
    screening   the texts of a request or an answer, before the policy
    vault       placeholders in the place of what is redacted, and the way back
    trail       what happened to a call, as it becomes a record and an outcome
    calls       the way itself
    streams     the same for an answer that is still arriving
    look_ahead  what of it may leave: `runs` of text, `whole_blocks`, `masks`

No route of the server reaches a provider around it: a test reads the route table and the sources.
"""
