import { spawnSync } from "node:child_process";

/** What systemd knows of sets of calls: by the set's name, the calls and other sets in it. */
function listedSets(): ReadonlyMap<string, readonly string[]> {
  const { stdout } = spawnSync("systemd-analyze", ["syscall-filter", "--no-pager"], { encoding: "utf8" });
  const sets = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of stdout.split("\n")) {
    const word = line.trim();
    if (line.startsWith("@")) sets.set(word, (members = []));
    else if (line.startsWith(" ") && !word.startsWith("#")) members.push(word);
  }
  return sets;
}

/** The calls of the system that a unit lets its processes make. */
export function allowedCalls(unit: string): ReadonlySet<string> {
  const sets = listedSets();
  const allowed = new Set<string>();
  const allow = (name: string): void => {
    if (name.startsWith("@")) sets.get(name)?.forEach(allow);
    else allowed.add(name);
  };
  const [, filter = ""] = /^SystemCallFilter=(.*)$/m.exec(unit) ?? [];
  // systemd adds this one to whatever is allowed.
  for (const name of ["@default", ...filter.split(" ")]) allow(name);
  return allowed;
}

/** The calls of a summary that strace wrote (-c): the last word of each of its lines. */
export function countedCalls(summary: string): readonly string[] {
  return [...summary.matchAll(/^ *[\d.]+ .* (\w+)$/gm)].map(([, name = ""]) => name).filter((name) => name !== "total");
}
