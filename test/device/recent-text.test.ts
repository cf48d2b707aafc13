import fc from "fast-check";
import { expect, test } from "vitest";
import { createRecentText } from "../../src/device/recent-text.js";

const most = 4096;
const line = fc.nat({ max: 3_000 }).map((length) => `<${"x".repeat(length)}>\n`);

test("what is told of recent text are its last whole lines, as many as there is room for", () => {
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 40 }),
      fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\n", "")),
      (lines, last) => {
        const recent = createRecentText();
        for (const one of lines) recent.push(one);
        recent.push(last);
        let expected = last;
        for (const one of [...lines].reverse()) {
          if (expected.length + one.length > most) break;
          expected = one + expected;
        }
        expect(recent.read()).toBe(expected);
        expect(recent.lastLine()).toBe(last);
      },
    ),
  );
});

test("nothing is told of a line too long to be told whole, and the last line is known however long the text", () => {
  const recent = createRecentText();
  recent.push(`password ${"x".repeat(5 * most)}`);
  expect(recent.read()).toBe("");
  recent.push("\nAre you sure? ");
  expect(recent.read()).toBe("Are you sure? ");
  expect(recent.lastLine()).toBe("Are you sure? ");
  recent.forget();
  expect(recent.read()).toBe("");
});

test("what is read is rendered, and only whole lines of what is left are", () => {
  const rendered: string[] = [];
  const recent = createRecentText((text) => {
    rendered.push(text);
    return text.toUpperCase();
  });
  recent.push("first\nsecond");
  expect(recent.read()).toBe("FIRST\nSECOND");
  recent.push(`${"x".repeat(5 * most)}\nthird`);
  expect(recent.read()).toBe("THIRD");
  expect(rendered.at(-1)).toBe("third");
});
