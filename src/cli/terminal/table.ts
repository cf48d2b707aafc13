/** Aligned plain text: a heading and rows, two spaces between columns. Line breaks in cells become spaces. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading.map((cell) => cell.toUpperCase()), ...rows].map((row) => row.map(oneLine));
  const widths = heading.map((_, column) => Math.max(...lines.map((row) => width(row[column] ?? ""))));
  return lines.map((row) => join(row, widths)).join("\n");
}

/** Names and values below each other; a value of several lines stays indented. Empty values are left out. */
export function facts(entries: readonly (readonly [name: string, value: string | undefined])[]): string {
  const present = entries.filter((entry): entry is readonly [string, string] => Boolean(entry[1]));
  const widest = Math.max(0, ...present.map(([name]) => name.length));
  const indent = " ".repeat(widest + 2);
  return present
    .map(([name, value]) => name.padEnd(widest + 2) + value.trimEnd().replaceAll("\n", `\n${indent}`))
    .join("\n");
}

function join(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
    .join("  ")
    .trimEnd();
}

function oneLine(cell: string): string {
  return cell.replace(/\s*[\r\n]+\s*/g, " ");
}

function width(text: string): number {
  return [...text].length;
}
