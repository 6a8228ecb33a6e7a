"""Recorded traffic at run time: what `axonflow codecs check`, cassettes and replay need.

recording        one recorded call, and the laws that its codec is held to
unary            the same for embeddings, rankings and token counts
json_equality    when two native bodies say the same
meaning          what was understood of a body, and what was only carried along
billing          counts of tokens against the bill
"""
