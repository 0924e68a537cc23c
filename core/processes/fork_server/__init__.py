"""The fork server: one warm process that forks a child for each order.

Over its control socket (SEQPACKET) comes a JSON packet for each order, `{"kind": name, ...}`, with one end of a socket
that belongs to the order. The program that starts the server says what each kind of child does
(`predictions.processes.fork_server_program`). Closing the client's end of that socket cancels the order, and its child
is killed. Plain Python, no Django, no secrets: its environment holds what `client.environment` keeps and nothing else,
however it was started.
"""
