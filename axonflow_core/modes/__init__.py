"""The ways in which a client uses the runtime, each a story to be read from top to bottom.

proxy      the server checks, calls the model, checks the answer, records
gateway    the client calls the model itself; the server checks before and records after
decisions  the client asks what the policy says, and enforces it itself
contexts   what links the two halves of Gateway Mode
pricing    what a call costs that a client made itself
"""
