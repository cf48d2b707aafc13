const FILTERS = ["include", "exclude", "begin", "section", "count", "grep", "no-more"] as const;

/** Splits `show … | include x` at the first pipe that leads to an output filter; other pipes are left alone. */
export function splitPipe(line: string): readonly [command: string, filter: string | undefined] {
  const at = line.indexOf("|");
  if (at < 0) return [line, undefined];
  const filter = line.slice(at + 1).trim();
  return nameOf(filter) === undefined ? [line, undefined] : [line.slice(0, at), filter];
}

/** Applies `include x`, `exclude x`, `begin x`, `section x`, `count [x]` (names may be shortened) to whole lines. */
export function filterOutput(text: string, filter: string): string {
  const name = nameOf(filter);
  const wanted = pattern(filter.replace(/^\S+\s*/, ""));
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const join = (kept: readonly string[]): string => kept.map((line) => `${line}\n`).join("");
  if (name === "include" || name === "grep") return join(lines.filter((line) => wanted.test(line)));
  if (name === "exclude") return join(lines.filter((line) => !wanted.test(line)));
  if (name === "count")
    return `Number of lines which match regexp = ${lines.filter((line) => wanted.test(line)).length}\n`;
  if (name === "begin") {
    const first = lines.findIndex((line) => wanted.test(line));
    return first < 0 ? "" : join(lines.slice(first));
  }
  if (name === "section") {
    let inside = false;
    return join(
      lines.filter((line) => {
        inside = wanted.test(line) || (inside && /^\s/.test(line));
        return inside;
      }),
    );
  }
  return text;
}

function nameOf(filter: string): (typeof FILTERS)[number] | undefined {
  const word = /^\S+/.exec(filter)?.[0];
  return word === undefined ? undefined : FILTERS.find((name) => name.startsWith(word));
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text.trim());
  } catch {
    return new RegExp(text.trim().replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  }
}
