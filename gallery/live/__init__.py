"""Live updates: server-sent events that tell open pages what changed.

The stream is only a hint: it carries ids and the balance, and pages fetch the rest. A page that was away for
longer than the server remembers is notified, and reloads everything.

    broadcast        hints about changed items, to all web processes of this machine
    change_queries   what changed for some accounts since the last poll
    channels         what the open pages of one account were sent, and what comes next
    poller           one thread per process that polls for all of them
    event_stream     the server-sent events of one page; `views` opens them
"""
