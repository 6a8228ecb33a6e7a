"""A vendor without its models: scripted answers on the vendor's own wire.

    building         `build_emulator`: all of it put together
    service          call -> neutral request -> scripted answer -> native JSON or chunks
    words            what the vendor refuses, in its words
    fake_model       what a model answers, the same for all dialects
    schema_examples  arguments for a tool, from its schema
    turns            the last turn of a conversation
    cache_counts     tokens written to the prompt cache
    streaming        an answer as the events of a stream
    vectors          the numbers that answer embedding and rerank calls
    script           the test's rules: answers for calls, limits of the account
    quotas           calls and tokens a minute, tokens a day
    call_log         what was asked, with its status and rule
    faults           what goes wrong on the wire
    serving          an emulator on a local port

The models know no dialect: the server role of a codec decodes the call and encodes the answer. HTTP
is `endpoint`'s.
"""
