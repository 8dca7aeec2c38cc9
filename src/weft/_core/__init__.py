"""The core: tasks, the scheduler that switches between them, and what they wait in.

Read in the order in which data flows: errors, timers, runqueue, poller, hooks, watch, scheduler, task, current, sync, queues,
attempts, sockets, offload.
Nothing here imports weft outside this folder. Only ``Scheduler.park`` switches.
"""
