/** The end of what a device has printed, for errors. */
export interface RecentText {
  push(text: string): void;
  /**
   * The last 4 KiB, with `last` behind them. They begin with a whole line: a secret is known by the words before it in its
   * line.
   */
  read(last?: string): string;
  /** What stands behind the last line end. */
  lastLine(): string;
  forget(): void;
}

const most = 4096;
/** What is cut only now and then is cut for next to nothing. */
const kept = { atMost: 4 * most, afterCut: 2 * most };

/** Nothing yet. */
export function createRecentText(): RecentText {
  let text = "";
  return {
    push(more) {
      text += more;
      if (text.length > kept.atMost) text = text.slice(-kept.afterCut);
    },
    read(last = "") {
      const all = text + last;
      if (all.length <= most) return all;
      const end = all.indexOf("\n", all.length - most - 1);
      return end < 0 ? "" : all.slice(end + 1);
    },
    lastLine: () => text.slice(text.lastIndexOf("\n") + 1),
    forget() {
      text = "";
    },
  };
}
