"""Native JSON forms that more than one family or endpoint uses: plain functions, from which codecs
are made."""
