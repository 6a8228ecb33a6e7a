"""The governed server: from the socket to governance, and the product's JSON on the way."""
