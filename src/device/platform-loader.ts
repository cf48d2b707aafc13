import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { createReader, DefinitionError } from "./definition-reader.js";
import type { Platform } from "./platform.js";
import { readPlatform } from "./platform-reader.js";
import { brokenVectors } from "./platform-vectors.js";

export { DefinitionError } from "./definition-reader.js";

const builtInOrigin = { file: undefined, overridesBuiltIn: false, loadedAt: undefined } as const;

/** Reads one definition. Throws a DefinitionError that names the field, with `origin` (a file name) in front. */
export function parsePlatform(yaml: string, origin = "definition"): Platform {
  try {
    return { ...readPlatform(createReader(parse(yaml), "")), origin: builtInOrigin };
  } catch (error) {
    if (error instanceof DefinitionError)
      throw new DefinitionError(`${origin}: ${error.field}`, error.message.slice(error.field.length + 2));
    throw new DefinitionError(origin, (error as Error).message);
  }
}

/**
 * Reads every `*.yaml` of a folder, by name. Throws a DefinitionError for one that does not hold, that does not hold to
 * its own `tests`, or whose name another file has taken.
 */
export function loadPlatforms(folder: string | URL): Map<string, Platform & { readonly fileName: string }> {
  const path = typeof folder === "string" ? folder : fileURLToPath(folder);
  const platforms = new Map<string, Platform & { readonly fileName: string }>();
  for (const file of readdirSync(path).sort()) {
    if (!/\.ya?ml$/.test(file)) continue;
    const platform = parsePlatform(readFileSync(`${path}/${file}`, "utf8"), file);
    const [broken] = brokenVectors(platform);
    if (broken) throw new DefinitionError(`${file}: ${broken.field}`, broken.problem);
    if (platforms.has(platform.name)) throw new DefinitionError(`${file}: name`, `${platform.name} is defined twice`);
    platforms.set(platform.name, { ...platform, fileName: file });
  }
  return platforms;
}

let builtIn: ReadonlyMap<string, Platform> | undefined;

/** The platforms that come with Pointsman, by name. Read once. */
export function builtInPlatforms(): ReadonlyMap<string, Platform> {
  builtIn ??= loadPlatforms(new URL("./platforms/", import.meta.url));
  return builtIn;
}

/**
 * The platforms of an installation: those that come with Pointsman, and those of the operator's folder, which stand in
 * the place of others of their name. `now` is milliseconds since the epoch. Throws a DefinitionError.
 */
export function installedPlatforms(folder: string | undefined, now: number): ReadonlyMap<string, Platform> {
  const platforms = new Map(builtInPlatforms());
  if (folder === undefined) return platforms;
  if (!existsSync(folder)) throw new DefinitionError("platforms_dir", `there is no folder ${folder}`);
  for (const [name, { fileName: file, ...platform }] of loadPlatforms(folder)) {
    const origin = { file, overridesBuiltIn: platforms.has(name), loadedAt: now };
    platforms.set(name, { ...platform, origin });
  }
  return platforms;
}
