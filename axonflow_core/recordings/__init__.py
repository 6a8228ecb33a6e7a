"""Recorded traffic at run time: what `axonflow codecs check`, cassettes and replay need.

recording        one recorded call, and the laws that its codec must satisfy
unary            the same for embeddings, rankings and token counts
json_equality    when two native bodies mean the same
meaning          which parts of a body were decoded, and which only kept in `extra`
billing          decoded token counts against those that the provider bills
"""
