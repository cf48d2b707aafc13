import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig, reloadable, settings } from "../../src/config.js";

describe("configuration", () => {
  test("every setting stands in the documentation with its default, and nothing else does", () => {
    const rows = readFileSync("docs/configuration.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));
    expect(rows.map((cells) => cells.slice(1, 6))).toEqual(
      Object.entries(settings).map(([name, { path, env, fallback, meaning }]) => {
        const again = reloadable.has(name) ? "yes" : "no";
        if (fallback === undefined) return [path, env, "none", meaning, again];
        const text = Array.isArray(fallback) ? fallback.join(",") : JSON.stringify(fallback).replaceAll('"', "");
        return [path, env, text, meaning, again];
      }),
    );
  });

  test("a file without a name is none", () => {
    expect(loadConfig("", {})).toEqual(loadConfig(undefined, {}));
  });

  test("everything that is wrong is said at once, each with where it stands", () => {
    const env = { POINTSMAN_PORT: "ninety", POINTSMAN_HOST_KEY_POLICY: "never", POINTSMAN_ZONES: "Fra" };
    const failing = (): unknown => loadConfig(undefined, env);
    expect(failing).toThrow(ConfigError);
    try {
      failing();
    } catch (error) {
      expect((error as ConfigError).problems).toEqual([
        "POINTSMAN_PORT must be a whole number from 0 to 65535",
        "POINTSMAN_HOST_KEY_POLICY must be one of strict, accept-new",
        expect.stringContaining("POINTSMAN_ZONES"),
      ]);
    }
  });
});
