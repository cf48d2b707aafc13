import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { createReader, DefinitionError } from "./definition-reader.js";
import { lazyMap } from "./lazy-map.js";
import type { Platform } from "./platform.js";
import { readPlatform } from "./platform-reader.js";
import { brokenVectors } from "./platform-vectors.js";

export { DefinitionError } from "./definition-reader.js";

/** Longest chain of definitions that extend each other. */
const deepest = 8;

const builtInOrigin = { file: undefined, overridesBuiltIn: false, loadedAt: undefined } as const;

/** A definition as it stands in its file, before it is read. */
type Document = Readonly<Record<string, unknown>>;

/** Finds the definition that `asking` extends. */
type FindDocument = (name: string, asking: Document) => Document | undefined;

/**
 * Reads one definition. Throws a DefinitionError that names the field, with `origin` (a file name) in front. Fields that
 * it lacks come from the definition that it `extends`, which is looked up with `find`; default: those of ours.
 */
export function parsePlatform(yaml: string, origin = "definition", find: FindDocument = builtInDocument): Platform {
  return readDocument(parseDocument(yaml, origin), origin, find);
}

function parseDocument(yaml: string, origin: string): Document {
  try {
    const document: unknown = parse(yaml);
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document as Document;
  } catch (error) {
    throw new DefinitionError(origin, (error as Error).message);
  }
  throw new DefinitionError(origin, "expected a mapping");
}

function readDocument(document: Document, origin: string, find: FindDocument): Platform {
  try {
    return { ...readPlatform(createReader(whole(document, find, 0), "")), origin: builtInOrigin };
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error;
    throw new DefinitionError(`${origin}: ${error.field}`, error.message.slice(error.field.length + 2));
  }
}

/** A definition that holds to its own `tests`. */
function readSound(document: Document, file: string, find: FindDocument): Platform {
  const platform = readDocument(document, file, find);
  const [broken] = brokenVectors(platform);
  if (broken) throw new DefinitionError(`${file}: ${broken.field}`, broken.problem);
  return platform;
}

/** The fields of a definition and those it takes over. */
function whole(document: Document, find: FindDocument, depth: number): Document {
  const { extends: name, ...own } = document;
  if (name === undefined) return own;
  const base = typeof name === "string" && depth < deepest ? find(name, document) : undefined;
  if (!base) throw new DefinitionError("extends", `there is no ${JSON.stringify(name)} to take fields from`);
  return { ...whole(base, find, depth + 1), ...own };
}

/** A definition with the file it stands in. */
interface LoadedPlatform {
  readonly file: string;
  readonly platform: Platform;
}

/**
 * Reads every `*.yaml` of a folder. Throws a DefinitionError for one that does not hold, that does not hold to its own
 * `tests`, or whose name another file has taken. What they extend is looked up among themselves, then with `find`.
 */
function loadFolder(folder: string, find: FindDocument): Map<string, LoadedPlatform> {
  const files = readdirSync(folder).sort();
  const documents = files
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => ({ file, document: parseDocument(readText(folder, file), file) }));
  const byName = new Map(documents.map(({ document }) => [document["name"], document]));
  const platforms = new Map<string, LoadedPlatform>();
  // A definition that stands in the place of one of ours may extend just that.
  const lookUp: FindDocument = (name, asking) => {
    const sibling = byName.get(name);
    return sibling === undefined || sibling === asking ? find(name, asking) : sibling;
  };
  for (const { file, document } of documents) {
    const platform = readSound(document, file, lookUp);
    if (platforms.has(platform.name)) throw new DefinitionError(`${file}: name`, `${platform.name} is defined twice`);
    platforms.set(platform.name, { file, platform });
  }
  return platforms;
}

function readText(folder: string, file: string): string {
  try {
    return readFileSync(`${folder}/${file}`, "utf8");
  } catch (error) {
    throw new DefinitionError(file, `cannot be read: ${(error as Error).message}`);
  }
}

const folderOfOurs = fileURLToPath(new URL("./platforms/", import.meta.url));
let ourDocuments: ReadonlyMap<string, Document> | undefined;
let ourPlatforms: ReadonlyMap<string, Platform> | undefined;

/** What stands in the files of ours, each read when it is asked for: to read all takes half a second, and few are needed. */
function builtInDocuments(): ReadonlyMap<string, Document> {
  ourDocuments ??= lazyMap(
    readdirSync(folderOfOurs)
      .sort()
      .map((file) => basename(file, ".yaml")),
    (name) => parseDocument(readText(folderOfOurs, `${name}.yaml`), `${name}.yaml`),
  );
  return ourDocuments;
}

function builtInDocument(name: string): Document | undefined {
  return builtInDocuments().get(name);
}

/** The platforms that come with Pointsman, by name, which is that of their file. Each is read once, when it is asked for. */
export function builtInPlatforms(): ReadonlyMap<string, Platform> {
  const documents = builtInDocuments();
  ourPlatforms ??= lazyMap(documents.keys(), (name) =>
    readSound(documents.get(name)!, `${name}.yaml`, builtInDocument),
  );
  return ourPlatforms;
}

/**
 * The platforms of an installation: those that come with Pointsman, and those of the operator's folder, which stand in
 * the place of others of their name. `now` is milliseconds since the epoch. Throws a DefinitionError.
 */
export function installedPlatforms(folder: string | undefined, now: number): ReadonlyMap<string, Platform> {
  const builtIn = builtInPlatforms();
  if (folder === undefined) return builtIn;
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new DefinitionError("platforms_dir", `there is no folder ${folder}`);
  const own = new Map<string, Platform>();
  for (const [name, { file, platform }] of loadFolder(folder, builtInDocument)) {
    own.set(name, { ...platform, origin: { file, overridesBuiltIn: builtIn.has(name), loadedAt: now } });
  }
  return lazyMap([...builtIn.keys(), ...own.keys()], (name) => (own.get(name) ?? builtIn.get(name)) as Platform);
}
