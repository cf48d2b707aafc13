import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ScriptName, scriptText } from "../../src/store/scripts.js";

const folder = "src/store/scripts";
const files = readdirSync(folder).map((file) => ({
  name: file.replace(/\.lua$/, ""),
  text: readFileSync(`${folder}/${file}`, "utf8"),
}));

function functionsOf(text: string): string[] {
  return [...text.matchAll(/^ *local function (\w+)/gm)].map(([, name = ""]) => name);
}

/** What a script may call by a name alone: its functions, what it holds in variables, and what it is given. */
function namesOf(text: string): ReadonlySet<string> {
  const given = [...text.matchAll(/\bfunction\b[^(]*\(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/\s*,\s*/));
  const held = [...text.matchAll(/\blocal (?!function)([\w, ]+)/g)].flatMap(([, list = ""]) => list.split(/\s*,\s*/));
  return new Set([...functionsOf(text), ...given, ...held.map((name) => name.trim())]);
}

test("every script includes what it and its parts call", () => {
  const parts = new Set(files.flatMap(({ text }) => /^-- @include (.+)$/m.exec(text)?.[1]?.split(", ") ?? []));
  const all = new Set(files.flatMap(({ text }) => functionsOf(text)));
  const scripts = files.filter(({ name }) => name !== "prelude" && !parts.has(name));
  expect(scripts.length).toBeGreaterThan(50);
  const missing = scripts.flatMap(({ name }) => {
    const text = scriptText(name as ScriptName).replace(/--.*$/gm, "");
    const own = namesOf(text);
    const called = [...text.matchAll(/(?<![.:\w])(\w+)\(/g)].map(([, called = ""]) => called);
    return [...new Set(called)].filter((one) => all.has(one) && !own.has(one)).map((one) => `${name}: ${one}`);
  });
  expect(missing).toEqual([]);
});
