"""The handlers of the routes, by group: an request in, an answer out."""
