/** A configuration as network devices keep it: lines, some of which open a section of lines of their own. */
export interface RunningConfig {
  /** Puts a line into a section (the lines that lead to it, outermost first), opening sections that are missing. */
  set(section: readonly string[], line: string, options?: { readonly replaces?: string }): void;
  /** Takes a line away, or every line that starts with it and a space, with what is below. True when there was one. */
  remove(section: readonly string[], line: string): boolean;
  /** The text; every section's lines are indented by `indent` per level. */
  render(layout: ConfigLayout): string;
  /** Grows with every change. */
  readonly version: number;
}

/** How a platform prints its configuration. */
export interface ConfigLayout {
  /** Before a line inside a section, once per level. */
  readonly indent: string;
  /** A line printed at the end of a section, on its level, for instance `exit`; empty for none. */
  readonly close: string;
  /** The line printed between groups. */
  readonly separator: string;
}

interface Line {
  readonly text: string;
  readonly below: Line[];
}

/** Reads a configuration: indented lines belong to the section above them, `!` separators mean nothing. */
export function createRunningConfig(text: string): RunningConfig {
  const top: Line[] = [];
  let version = 0;
  const open: { indent: number; lines: Line[] }[] = [{ indent: -1, lines: top }];
  for (const raw of text.split("\n")) {
    const content = raw.trim();
    if (content === "" || content === "!") continue;
    const indent = raw.length - raw.trimStart().length;
    while (open.length > 1 && open.at(-1)!.indent >= indent) open.pop();
    const line: Line = { text: content, below: [] };
    open.at(-1)!.lines.push(line);
    open.push({ indent, lines: line.below });
  }

  const find = (section: readonly string[], create: boolean): Line[] | undefined => {
    let lines = top;
    for (const text of section) {
      let line = lines.find((candidate) => candidate.text === text);
      if (!line && !create) return undefined;
      if (!line) {
        line = { text, below: [] };
        insert(lines, line);
      }
      lines = line.below;
    }
    return lines;
  };

  return {
    get version() {
      return version;
    },
    set(section, line, options) {
      version++;
      const lines = find(section, true)!;
      const stem = options?.replaces;
      const old = stem === undefined ? -1 : lines.findIndex(({ text }) => text === stem || text.startsWith(`${stem} `));
      if (old >= 0) lines[old] = { text: line, below: lines[old]!.below };
      else if (!lines.some(({ text }) => text === line)) insert(lines, { text: line, below: [] });
    },
    remove(section, line) {
      const lines = find(section, false);
      if (!lines) return false;
      const kept = lines.filter(({ text }) => text !== line && !text.startsWith(`${line} `));
      if (kept.length === lines.length) return false;
      version++;
      lines.splice(0, lines.length, ...kept);
      return true;
    },
    render: (layout) => printLines(top, layout, 0),
  };
}

/** A new line goes behind its own kind, as devices group what belongs together. */
function insert(lines: Line[], line: Line): void {
  const kind = line.text.split(" ", 1)[0];
  const last = lines.findLastIndex(({ text }) => text.split(" ", 1)[0] === kind);
  if (last < 0) lines.push(line);
  else lines.splice(last + 1, 0, line);
}

function printLines(lines: readonly Line[], layout: ConfigLayout, level: number): string {
  const margin = layout.indent.repeat(level);
  let text = "";
  lines.forEach((line, at) => {
    text += `${margin}${line.text}\n`;
    if (line.below.length > 0) {
      text += printLines(line.below, layout, level + 1);
      if (layout.close !== "") text += `${margin}${layout.close}\n`;
    }
    const next = lines[at + 1];
    const sameGroup = next && next.below.length === 0 && line.below.length === 0 && kindOf(next) === kindOf(line);
    if (level === 0 && !sameGroup) text += `${layout.separator}\n`;
  });
  return text;
}

function kindOf(line: Line): string | undefined {
  return line.text.split(" ", 1)[0];
}
