"""The server side of a vendor's JSON dialect: an ASGI app over a handler and a verifier.

    operations    the paths of a dialect, what is asked there, how its streams are framed
    framings      streams as server-sent events and as JSON lines
    credentials   how a caller presents its key, and who it is
    refusals      an error in the vendor's own names and words
    wire          a dialect's HTTP as data: operations, errors, headers, bounds
    calls         what a handler gets, and what it returns
    app           `dialect_app`: the HTTP of all of that
    ingress       the four things that a plugin says of its dialect to a server
    conversation  between the two: a native call read, and its answer written
    chunk_writer  the chunks of one stream, of which most differ in a piece of text alone
    replies       the smallest way to answer, for services next to a dialect
    openai_chat   the operations of OpenAI's chat, which several services have
    anthropic_messages  messages as Anthropic's own clients add them up

An emulator and a governed endpoint are this one app. What they differ in is injected: the handler,
which gets a `Call` and knows nothing of HTTP, and the verifier, which says whose key it is.
"""
