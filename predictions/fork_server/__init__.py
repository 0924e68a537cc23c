"""The fork server: one warm process that forks limited children for files, and the process that forks painters.

Over its control socket (SEQPACKET) comes a packet for each order, with one end of a socket that belongs to the order:

    {"memory": bytes, "cpu": seconds}   a stream socket: a child that opens files (`predictions.files.sandbox`)
    {"painters": true}                  a SEQPACKET socket: a child that forks painters (`engine`)

Whoever closes its end of that socket gives the order up, and its child is killed. Plain Python, no Django, no secrets:
its environment holds what `client.environment` keeps and nothing else, however it was started.
"""
