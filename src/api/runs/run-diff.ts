import { createTwoFilesPatch, formatPatch } from "diff";

/**
 * Lines that may differ where the shortest difference is looked for: that takes the square of their number, and all other
 * calls of this server wait meanwhile.
 */
const mostEdits = 1_000;
/** Lines shown before and behind a difference. */
const context = 4;

/**
 * What differs between two texts that end with a line's end, as a unified diff: the shortest, or, where more differs,
 * everything between the first and the last line that do.
 */
export function unifiedDiff(before: string, after: string): string {
  const options = { context, maxEditLength: mostEdits };
  return (
    createTwoFilesPatch("before", "after", before, after, undefined, undefined, options) ?? onePiece(before, after)
  );
}

function onePiece(before: string, after: string): string {
  const [was, is] = [linesOf(before), linesOf(after)];
  const least = Math.min(was.length, is.length);
  let head = 0;
  while (head < least && was[head] === is[head]) head++;
  let tail = 0;
  while (tail < least - head && was.at(-1 - tail) === is.at(-1 - tail)) tail++;
  const from = Math.max(0, head - context);
  const rest = Math.max(0, tail - context);
  const hunk = {
    ...{
      oldStart: from + 1,
      oldLines: was.length - rest - from,
      newStart: from + 1,
      newLines: is.length - rest - from,
    },
    lines: [
      ...was.slice(from, head).map((line) => ` ${line}`),
      ...was.slice(head, was.length - tail).map((line) => `-${line}`),
      ...is.slice(head, is.length - tail).map((line) => `+${line}`),
      ...was.slice(was.length - tail, was.length - rest).map((line) => ` ${line}`),
    ],
  };
  const names = { oldFileName: "before", newFileName: "after", oldHeader: undefined, newHeader: undefined };
  return formatPatch({ ...names, hunks: [hunk] });
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.slice(0, -1).split("\n");
}
