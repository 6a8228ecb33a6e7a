"""The families that this plugin ships: one module each, pure, importing nothing but the core."""
