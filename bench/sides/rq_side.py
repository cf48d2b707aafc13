"""RQ as Debian packages it: enqueues jobs one by one, then works them off. Prints one JSON object.

Usage: rq_side.py SOCKET simple|fork JOBS
"""

import json
import sys
import time

from redis import Redis
from rq import Queue, SimpleWorker, Worker
import rq

TEXT = json.dumps({"device": "r1", "commands": ["show version", "show ip interface brief"], "padding": "x" * 90})


def no_op(text):
    return {"ok": True}


def main(socket, kind, jobs):
    redis = Redis(unix_socket_path=socket)
    queue = Queue("bench", connection=redis)
    begin = time.perf_counter()
    for _ in range(jobs):
        queue.enqueue("rq_side.no_op", TEXT, result_ttl=-1)
    enqueued = time.perf_counter() - begin
    worker = (SimpleWorker if kind == "simple" else Worker)([queue], connection=redis)
    begin = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    worked = time.perf_counter() - begin
    finished = queue.finished_job_registry.count
    print(json.dumps({"version": rq.VERSION, "enqueue": jobs / enqueued, "rate": jobs / worked, "finished": finished}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
