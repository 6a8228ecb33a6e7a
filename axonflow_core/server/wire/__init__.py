"""The product's JSON: what its SDK sends and reads, and nothing else of ours knows.

proxy       Proxy Mode
gateway     Gateway Mode: checks, reports of calls and of tools
decisions   `decide` and the checks of what goes into a tool and comes out of it
authzen     AuthZEN's evaluation
handshake   what an enforcement point says it can carry out
records     the audit: records found, decisions explained
policies    rules and detectors as static policies, tests of patterns
times       RFC 3339
matches     reasons and matched policies, as several answers tell them

Rules of the SDK that a reader of `axonflow` 9.5.0 finds in its models: `metadata` and `blocked` are
never null; `processing_time`, `tenant_id`, `error` and `result` are texts; a `data` that is an
object is looked into, so a model's own JSON never stands there, only a text below `data.data`.
Strings of an audit entry are never null, its numbers whole and not negative.
"""
