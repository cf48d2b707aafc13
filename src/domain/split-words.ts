/** What is wrong with a line that cannot be divided into words. */
export class WordsError extends Error {
  override readonly name = "WordsError";
}

/** What a backslash takes its meaning from between double quotes; before anything else it stands for itself. */
const escapedInQuotes = new Set(['"', "\\", "$", "`", "\n"]);

/**
 * Divides a line into words as a POSIX shell does: at blanks, with '…', "…" and a backslash to keep together what they
 * hold. Nothing is expanded, and no character means anything besides. Throws WordsError for a quote that is not closed,
 * a backslash at the end, and a line without words.
 */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === " " || character === "\t" || character === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) throw new WordsError("a quote ' is not closed");
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      const quoted = readQuoted(line, at + 1);
      word = (word ?? "") + quoted.text;
      at = quoted.end;
    } else if (character === "\\") {
      at += 1;
      if (at === line.length) throw new WordsError("a backslash at the end holds nothing");
      // A line that goes on.
      if (line.charAt(at) !== "\n") word = (word ?? "") + line.charAt(at);
    } else {
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw new WordsError("there is no word in it");
  return words;
}

/** The text between double quotes from `from` on, and where the closing one stands. */
function readQuoted(line: string, from: number): { readonly text: string; readonly end: number } {
  let text = "";
  for (let at = from; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === '"') return { text, end: at };
    const next = line.charAt(at + 1);
    if (character === "\\" && escapedInQuotes.has(next)) {
      if (next !== "\n") text += next;
      at += 1;
    } else {
      text += character;
    }
  }
  throw new WordsError('a quote " is not closed');
}
