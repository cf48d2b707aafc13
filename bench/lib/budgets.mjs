import { median } from "./statistics.mjs";

/**
 * The budgets: ratios within one run, so that the machine's speed falls out. Each is measured by scenarios; one
 * that was not run, or broke, gives no verdict but says so.
 */
const budgets = [
  {
    what: "enqueue, 50 at a time, against BullMQ",
    least: 1.5,
    ratio: (of) => of("enqueue-c50", "pointsman") / of("enqueue-c50", "bullmq"),
  },
  {
    what: "claim + complete, 50 at a time in batches, against BullMQ",
    least: 1.5,
    ratio: (of) => of("process-c50", "pointsman") / of("process-c50", "bullmq"),
  },
  {
    what: "Redis time per finished job, enqueue to end, against BullMQ",
    most: 1.3,
    ratio: (of) => redisTime(of, "pointsman") / redisTime(of, "bullmq"),
  },
  {
    what: "the same as CPU of Redis' core, protocol and log included",
    most: 1.3,
    ratio: (of) => redisTime(of, "pointsman", "cpuMicros") / redisTime(of, "bullmq", "cpuMicros"),
  },
  {
    what: "CPU of Redis' core and of the client's per finished job, enqueue to end, against BullMQ",
    most: 1,
    ratio: (of) => jobTime(of, "pointsman") / jobTime(of, "bullmq"),
  },
  {
    what: "enqueue against RQ",
    least: 8,
    ratio: (of) => of("rq", "pointsman", "enqueue") / of("rq", "rq-simple", "enqueue"),
  },
  {
    what: "finished jobs against RQ's forking worker",
    least: 100,
    ratio: (of) => of("rq", "pointsman") / of("rq", "rq-fork"),
  },
  {
    what: "finished jobs against RQ's in-process worker",
    least: 25,
    ratio: (of) => of("rq", "pointsman") / of("rq", "rq-simple"),
  },
  {
    what: "throughput with much queued against little",
    least: 0.8,
    ratio: (of) => of("crowd", "much") / of("crowd", "little"),
  },
  {
    what: "list page with much queued against little",
    most: 2,
    ratio: (of) => of("crowd", "much", "page ms") / of("crowd", "little", "page ms"),
  },
  {
    what: "list page of waiting jobs with much queued against little",
    most: 2,
    ratio: (of) => of("crowd", "much", "waiting page ms") / of("crowd", "little", "waiting page ms"),
  },
  {
    what: "claim with a crowd behind a full limit against none",
    most: 1.2,
    ratio: (of) => of("full-limit", "behind a limit", "scriptMicros") / of("full-limit", "free", "scriptMicros"),
  },
  {
    what: "the same against as large a crowd behind no limit",
    most: 1.2,
    ratio: (of) =>
      of("full-limit", "behind a limit", "scriptMicros") / of("full-limit", "behind no limit", "scriptMicros"),
  },
  {
    what: "memory of open watches against streams that do nothing",
    most: 1.5,
    ratio: (of) => of("watches", "pointsman-api", "memory"),
  },
  {
    what: "a change seen by its watcher, ms at p99",
    most: 100,
    ratio: (of) => of("watches", "pointsman-api", "ms at p99 until a change is seen"),
  },
  {
    what: "one change seen by all watchers, seconds",
    most: 1,
    ratio: (of) => of("watches", "pointsman-api", "s until one change is seen by all"),
  },
  {
    what: "freeing a dead worker's devices, seconds after the lease",
    most: 5,
    ratio: (of) => of("recovery", "pointsman", "seconds"),
  },
  ...[100, 1_000].flatMap((count) =>
    [
      ["ssh2", 0.7],
      ["paramiko", 4],
      ["netmiko", 4],
      ["ansible", 100],
    ].map(([peer, least]) => ({
      what: `${count.toLocaleString("en")} devices, logged in, against ${peer}`,
      least,
      ratio: (of) => of(`ssh-${count}`, "engine", "warm") / of(`ssh-${count}`, peer, "warm"),
    })),
  ),
  {
    what: "a warm show through the API, ms at p50 beyond bare ssh2's",
    most: 5,
    ratio: (of) => of("api-show", "pointsman-api", "p50") - of("api-show", "ssh2", "p50"),
  },
  ...["3k", "10k"].flatMap((size) => [
    {
      what: `memory of ${size} held sessions against bare ssh2's`,
      most: 2,
      ratio: (of) => of(`held-sessions-${size}`, "engine", "KiB") / of(`held-sessions-${size}`, "ssh2", "KiB"),
    },
  ]),
  {
    what: "growth while sessions come and go, MB a minute",
    most: 2,
    ratio: (of) => of("session-churn", "engine", "slope"),
  },
  {
    what: "event loop beside group exchanges of 8,192 bits, ms late at p99",
    most: 200,
    ratio: (of) => of("group-exchange", "engine", "p99"),
  },
];

function redisTime(of, side, number = "scriptMicros") {
  return of("enqueue-c50", side, number) + of("process-c50", side, number);
}

function jobTime(of, side) {
  return redisTime(of, side, "cpuMicros") + redisTime(of, side, "clientMicros");
}

/** One verdict a budget: PASS or FAIL with ratio and budget; NOT MEASURED where a part is missing, FAIL where one broke. */
export function judge(results) {
  return budgets.map(({ what, least, most, ratio }) => {
    const limit = least === undefined ? `at most ${most}` : `at least ${least}`;
    let broken = false;
    let missing = false;
    const of = (scenario, side, number = "rate") => {
      const result = results.get(scenario)?.get(side);
      if (!result) missing = true;
      else if (result.broken.size > 0) broken = true;
      return result?.numbers[number] ? median(result.numbers[number]) : NaN;
    };
    const value = ratio(of);
    if (broken) return { what, limit, verdict: "FAIL", why: "an invariant broke" };
    if (missing) return { what, limit, verdict: "NOT MEASURED" };
    const holds = least === undefined ? value <= most : value >= least;
    return { what, limit, verdict: holds ? "PASS" : "FAIL", ratio: value };
  });
}
