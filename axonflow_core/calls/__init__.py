"""Making calls: what every provider needs and no plugin should write again."""
