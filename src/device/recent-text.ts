/** The end of what a device has printed, for errors. */
export interface RecentText {
  push(text: string): void;
  /** The last 4 KiB. They begin with a whole line: a secret is known by the words before it in its line. */
  read(): string;
  /** What stands behind the last line end. */
  lastLine(): string;
  forget(): void;
}

const most = 4096;
/** What is cut only now and then is cut for next to nothing. */
const kept = { atMost: 4 * most, afterCut: 2 * most };

/** Nothing yet. `render` makes what is read of what was pushed; it is only asked when somebody reads. Default: nothing. */
export function createRecentText(render = (text: string): string => text): RecentText {
  let text = "";
  let isCut = false;
  return {
    push(more) {
      text += more;
      if (text.length <= kept.atMost) return;
      text = text.slice(-kept.afterCut);
      isCut = true;
    },
    read() {
      const from = isCut ? text.indexOf("\n") + 1 : 0;
      if (isCut && from === 0) return "";
      const all = render(text.slice(from));
      if (all.length <= most) return all;
      const end = all.indexOf("\n", all.length - most - 1);
      return end < 0 ? "" : all.slice(end + 1);
    },
    lastLine: () => text.slice(text.lastIndexOf("\n") + 1),
    forget() {
      text = "";
      isCut = false;
    },
  };
}
