"""ERC-8004: who an agent is, what auditors have said of it, and what of that can be checked.

A registry proves nothing by itself: whoever writes there is believed by nobody. Each answer and
each number points to a file with command, blocks and hashes, so that a reader runs it again. Off
unless a command is typed.
"""
