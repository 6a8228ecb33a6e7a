"""How a stream of chunks is cut out of bytes: server-sent events and JSON lines.

AWS's event stream is the Bedrock plugin's own.
"""
