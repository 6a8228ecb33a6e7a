"""Native JSON forms that more than one family or endpoint speaks: plain functions, from which
codecs are made."""
