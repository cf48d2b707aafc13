import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const page = readFileSync("docs/reliability.md", "utf8");
const plain = (text: string): string => text.toLowerCase().replaceAll(/[`\\]/g, "").replaceAll(/\s+/g, " ");
const rows = page.split("\n").filter((line) => line.startsWith("| "));

/** Tests that a part of the page names: the file under `test/`, and the words behind it, up to the next mark. */
function namedIn(text: string): readonly { readonly file: string; readonly words: string }[] {
  const named = /`([\w/.-]+\.(?:test|points)\.ts)`([^|;.(`]*)/g;
  return [...text.matchAll(named)].map(([, file = "", words = ""]) => ({
    file,
    words: words.replace(/^:/, "").trim(),
  }));
}

describe("docs/reliability.md", () => {
  test("every test that it names is there", () => {
    const named = namedIn(page);
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ file }) => !existsSync(`test/${file}`))).toEqual([]);
  });

  test("every test of a table is found in its file by the words of the table", () => {
    const wrong = rows
      .flatMap(namedIn)
      .filter(({ file, words }) => !plain(readFileSync(`test/${file}`, "utf8")).includes(plain(words)));
    expect(wrong).toEqual([]);
  });

  test("its table of failures is whole, and each line says what shows it", () => {
    const failures = rows.flatMap((row) => /^\| (F\d+) +\|.*\|([^|]+)\|$/.exec(row)?.slice(1) ?? []);
    expect(failures.filter((_, at) => at % 2 === 0)).toEqual(Array.from({ length: 29 }, (_, at) => `F${at + 1}`));
    for (const shown of failures.filter((_, at) => at % 2 === 1)) expect(shown).toMatch(/\.ts`|Simulation|Chaos/);
  });

  test("its table of mutants has every one that there is", () => {
    const listed = /\| mutant .*?\n((?:\|.*\n)+)/.exec(page)?.[1] ?? "";
    const names = [...listed.matchAll(/^\| ([a-z-]+[a-z]) +\|/gm)].map(([, name]) => name);
    const patches = readdirSync("test/mutants").flatMap((file) => /^(.*)\.patch$/.exec(file)?.[1] ?? []);
    expect(names.sort()).toEqual(patches.sort());
  });

  test("its own headings and the pages that it points to are there", () => {
    const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    for (const [, anchor = ""] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(anchor);
    for (const [, path = ""] of page.matchAll(/\]\(([^#)]+\.md)/g)) expect(existsSync(`docs/${path}`), path).toBe(true);
    for (const [, path = ""] of page.matchAll(/`(decisions\/[\w-]+\.md)`/g)) {
      expect(existsSync(`docs/${path}`), path).toBe(true);
    }
  });
});
