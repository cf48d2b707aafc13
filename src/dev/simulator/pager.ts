/** Text to show: whole, or in pieces that are made only as fast as the client takes them. Lines end with `\n`. */
export type Source = string | Iterable<string> | AsyncIterable<string>;

/** The terminal as a pager needs it. */
export interface PagerScreen {
  /** Rows on a page now; 0 for no paging. */
  readonly rows: () => number;
  /** Whether the command was interrupted or the client is gone. */
  readonly over: () => boolean;
  /** Puts what faults ask for between the lines. */
  readonly garnish: (text: string) => string;
  readonly print: (text: string) => void;
  /** Sends what was printed; a promise when the client has to catch up first. */
  readonly full: () => Promise<void> | undefined;
  /** Asks how to go on: the key. */
  readonly more: () => Promise<string>;
}

/** Shows a source, page by page where there are pages: space for a page, Enter for a line, any other key for no more. */
export async function showPages(source: Source, screen: PagerScreen): Promise<void> {
  let shown = 0;
  for await (const piece of typeof source === "string" ? [source] : source) {
    if (screen.over()) return;
    const limit = screen.rows();
    const text = screen.garnish(piece);
    for (const row of limit > 0 ? rowsOf(text) : [text]) {
      if (limit > 0 && shown >= limit - 1) {
        const key = await screen.more();
        if (key !== " " && key !== "\r" && key !== "\n") return;
        shown = key === " " ? 0 : limit - 2;
      }
      screen.print(row);
      if (row.endsWith("\n")) shown++;
    }
    const full = screen.full();
    if (full) await full;
  }
}

/** Rows that a text takes, an unfinished last one not counted. */
export function countRows(text: string): number {
  let rows = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) rows++;
  return rows;
}

function rowsOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
