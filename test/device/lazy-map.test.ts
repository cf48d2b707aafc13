import { expect, test } from "vitest";
import { lazyMap } from "../../src/device/lazy-map.js";

function twice() {
  const made: string[] = [];
  const map = lazyMap(["a", "b", "a"], (name) => {
    made.push(name);
    return name + name;
  });
  return { map, made };
}

test("makes a value when it is asked for, and once", () => {
  const { map, made } = twice();
  expect([map.size, map.has("a"), map.has("c"), [...map.keys()], map.get("c")]).toEqual([
    ...[2, true, false],
    ["a", "b"],
    undefined,
  ]);
  expect(made).toEqual([]);
  expect([map.get("b"), map.get("b")]).toEqual(["bb", "bb"]);
  expect(made).toEqual(["b"]);
});

test("is walked through like any other map", () => {
  const { map, made } = twice();
  const like = new Map(Object.entries({ a: "aa", b: "bb" }));
  expect(new Map(map)).toEqual(like);
  expect([...map.values()]).toEqual(["aa", "bb"]);
  expect([...map.entries()]).toEqual([...like]);
  const seen: unknown[] = [];
  map.forEach((value, name, whole) => seen.push([name, value, whole === map]));
  expect(seen).toEqual([
    ["a", "aa", true],
    ["b", "bb", true],
  ]);
  expect(made).toEqual(["a", "b"]);
});
