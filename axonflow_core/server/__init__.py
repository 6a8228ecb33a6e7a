"""The governed server: the product's HTTP API over governance.

launch                              from a configuration to a server that runs
supervisor, child                   several workers
serving, worker, lifespan, state    one worker: its start, clock, drain and signals
protocol, head, exchange, delivery  a connection, and what became of an answer
limits, refusals                    what is taken from the network, and what is not
app, routes, api                    the application, the form of a route, every route
auth, client_request, fields        who calls, and what was sent
wire/, endpoints/                   the product's JSON, and what answers each route
service, generations, history, changes, reloading
                                    the configuration in force, and its successor
single_flight, claims, replays, departure
                                    requests that are the same, clients that leave
logs, metrics, shared_counts, traces
                                    what the operator sees
"""
