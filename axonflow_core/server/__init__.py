"""The governed server: the product's HTTP API over governance.

routes        every route, with the role it needs
app           the ASGI application: who calls, may they, answer
exchange      a request that was read, and an answer to be written
auth          secrets of clients, and who presents one
wire          the product's JSON
endpoints/    one module for each group of routes
generations   the configuration in force, and its successor
protocol, serving, supervisor    between the socket and the application
"""
