"""AWS: credentials, signatures, networking, and the clock that signatures depend on."""
