"""Recorded traffic at run time: what `axonflow codecs check`, cassettes and replay need.

recording        one recorded call, and files of them
recording_format how a provider wraps the JSON of its families
replay           the laws that the codec of a recorded call must satisfy
results          what the laws found, one case and many
unary            the same for embeddings, rankings and token counts
json_equality    when two native bodies mean the same
meaning          which parts of a body were decoded, and which only kept in `extra`
billing          decoded token counts against those that the provider bills
"""
