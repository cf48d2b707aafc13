import { readFileSync, writeFileSync } from "node:fs";
import { median, spread } from "./statistics.mjs";

const labels = {
  rate: "",
  scriptMicros: " µs in scripts",
  cpuMicros: " µs of Redis' core",
  clientMicros: " µs of the client's",
  scripts: " scripts",
  commands: " commands in them",
};

function figure(value) {
  if (value >= 1_000) return Math.round(value).toLocaleString("en");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** "12,345 ±4%": the median and how far the rounds lie apart. */
function cell(values) {
  return `${figure(median(values))}${values.length > 1 ? ` ±${Math.round(spread(values) * 100)}%` : ""}`;
}

/** A scenario's results as rows: FAIL and why in the place of numbers where an invariant broke. */
function rowsOf({ unit, main = "rate" }, results) {
  return [...results].map(([side, { numbers, broken, remarks }]) => {
    if (broken.size > 0) return { side, value: `FAIL: ${[...broken].join("; ")}`, more: "" };
    const rest = Object.entries(numbers).filter(([name]) => name !== main);
    const more = rest.map(([name, values]) => `${figure(median(values))}${labels[name] ?? ` ${name}`}`);
    return { side, value: `${cell(numbers[main])} ${unit}`, more: [...more, ...remarks].join(" · ") };
  });
}

/** A scenario's results as lines for people. */
export function describeScenario(scenario, results) {
  const rows = rowsOf(scenario, results);
  return [scenario.title, ...rows.map(({ side, value, more }) => `  ${side.padEnd(23)} ${value.padEnd(24)} ${more}`)];
}

/** A verdict as a line. */
export function describeVerdict({ what, limit, verdict, ratio, why }) {
  const detail = ratio === undefined ? (why ?? "") : figure(ratio);
  return `${verdict.padEnd(12)} ${detail.padStart(8)}  (${limit})  ${what}`;
}

/** The results as a table, with what was measured and when. */
export function markdownOf(machine, fsync, scenarios, verdicts) {
  const lines = [
    `### \`appendfsync ${fsync}\`, ${machine.time.slice(0, 10)}, commit ${machine.commit}`,
    "",
    `${machine.cpu}, Linux ${machine.kernel}, Redis ${machine.redis}, Node ${machine.node}, ioredis ${machine.ioredis}, BullMQ ${machine.bullmq}; load average ${machine.load}.`,
    "",
    "| scenario | side | median ± spread | more |",
    "|---|---|---|---|",
  ];
  for (const [scenario, results] of scenarios) {
    for (const { side, value, more } of rowsOf(scenario, results)) {
      lines.push(`| ${scenario.title} | ${side} | ${value} | ${more} |`);
    }
  }
  lines.push("", "| budget | limit | ratio | |", "|---|---|---|---|");
  for (const { what, limit, verdict, ratio } of verdicts) {
    lines.push(`| ${what} | ${limit} | ${ratio === undefined ? "" : figure(ratio)} | ${verdict} |`);
  }
  return lines.join("\n");
}

const marks = ["<!-- results -->", "<!-- end of results -->"];

/** Puts text between the marks of a file. Throws when the file has no marks. */
export function writeBetweenMarks(file, text) {
  const old = readFileSync(file, "utf8");
  const [from, to] = marks.map((mark) => old.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`${file} has no marks ${marks.join(" and ")}`);
  writeFileSync(file, `${old.slice(0, from + marks[0].length)}\n\n${text}\n\n${old.slice(to)}`);
}
