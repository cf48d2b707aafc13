import { readFileSync } from "node:fs";

const listed = (values) => [...new Set(values)].join(", ");

/**
 * Results of several runs, as `--json` has written them, put together: of each scenario the latest, with whichever sides
 * it had then. Gives for each way of writing the log what was measured, on what, and the results by the scenario's name.
 */
export function gatherResults(files) {
  const records = files
    .flatMap((file) => readFileSync(file, "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter(({ scenario }) => scenario !== undefined);
  const gathered = new Map();
  for (const [fsync, ofMode] of grouped(records, "fsync")) {
    const results = new Map();
    const kept = [];
    for (const [scenario, all] of grouped(ofMode, "scenario")) {
      // One run's results of a scenario carry its start.
      const latest = all.reduce((last, { time }) => (time > last ? time : last), "");
      const sides = all.filter(({ time }) => time === latest);
      kept.push(...sides);
      results.set(scenario, new Map(sides.map((record) => [record.side, resultOf(record)])));
    }
    gathered.set(fsync, { machine: machineOf(kept), results });
  }
  return gathered;
}

function grouped(records, name) {
  const groups = new Map();
  for (const record of records) {
    const group = groups.get(record[name]) ?? [];
    groups.set(record[name], [...group, record]);
  }
  return groups;
}

function resultOf({ numbers = {}, FAIL = [], remarks }) {
  return { numbers, broken: new Set(FAIL), remarks: new Set(remarks) };
}

/** What the runs were made on: the latest, with every commit, and from the least to the greatest load. */
function machineOf(records) {
  const latest = records.reduce((last, record) => (record.time > last.time ? record : last));
  const loads = records.map(({ load }) => load);
  const commits = listed(records.map(({ commit, quick }) => (quick ? `${commit} (quick)` : commit)));
  return { ...latest, commit: commits, load: `${Math.min(...loads)} to ${Math.max(...loads)}` };
}
