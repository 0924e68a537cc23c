"""What changes, told to open pages.

The stream is only a hint: it carries ids and the balance, and pages read what is true from the server. Whoever was away
for longer than the server remembers is told so, and reads everything again.

    telling    what changed in this process, said to all web processes of this machine
    looking    the queries: what changed for these accounts since the last look
    channels   what one account's open pages have been told, and what they are to be told next
    watching   one thread per process that looks for all of them
    streams    the server-sent events of one page; `views` opens them
"""
