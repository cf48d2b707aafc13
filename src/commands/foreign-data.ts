import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { parse } from "yaml";
import {
  checkOutput,
  checkPrompts,
  checkSession,
  createRedactor,
  type Finding,
  parseRecordedSession,
  type Platform,
} from "../device/index.js";
import type { Clock } from "../domain/clock.js";

/** A finding with the file it is in, relative to the folder. */
export interface PlacedFinding extends Finding {
  readonly file: string;
}

/** What was checked of one platform, and what was found. */
export interface PlatformCheck {
  readonly platform: string;
  /** Outputs of single commands, and their lines. */
  outputs: number;
  lines: number;
  /** Recorded sessions, and the commands replayed in them. */
  sessions: number;
  commands: number;
  /** Prompts and secrets that others have listed. */
  listed: number;
  readonly findings: PlacedFinding[];
}

interface Listed {
  readonly pass: readonly string[];
  readonly pass_with_expect: readonly string[];
  readonly fail: readonly string[];
}

const acceptedFile = "accepted.txt";

/**
 * Holds definitions against data that nobody here wrote. The files that `accepted.txt` in the folder names, as `file` or
 * `file:line`, are known to hold what they seem to hold, and are left out.
 */
export async function checkForeignData(
  folder: string,
  platforms: ReadonlyMap<string, Platform>,
  clock: Clock,
): Promise<PlatformCheck[]> {
  const byName = new Map<string, Platform>();
  for (const platform of platforms.values()) for (const name of platform.knownAs) byName.set(name, platform);
  for (const platform of platforms.values()) byName.set(platform.name, platform);
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  const accepted = acceptedOf(folder);
  const checks = new Map<string, PlatformCheck>();
  for (const path of filesIn(folder)) {
    const file = relative(folder, path).split(sep).join("/");
    const platform = platformOf(file, byName);
    if (!platform) continue;
    const check = checks.get(platform.name) ?? newCheck(platform.name);
    const findings = await checkFile(path, platform, check, clock).catch((error: Error) => {
      throw new Error(`${file}: ${error.message.split("\n", 1)[0]}`, { cause: error });
    });
    if (findings === undefined) continue;
    checks.set(platform.name, check);
    for (const finding of findings) {
      if (!accepted.has(file) && !accepted.has(`${file}:${finding.line}`)) check.findings.push({ ...finding, file });
    }
  }
  return [...checks.values()].sort((a, b) => a.platform.localeCompare(b.platform));
}

function newCheck(platform: string): PlatformCheck {
  return { platform, outputs: 0, lines: 0, sessions: 0, commands: 0, listed: 0, findings: [] };
}

function acceptedOf(folder: string): ReadonlySet<string> {
  const path = join(folder, acceptedFile);
  if (!existsSync(path)) return new Set();
  const lines = readFileSync(path, "utf8").split("\n");
  return new Set(lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#")));
}

/** Every file, also behind links; a link that leads into a folder above it is not followed, and one to nothing throws. */
function filesIn(folder: string, above: readonly string[] = []): string[] {
  const way = [...above, realpathSync(folder)];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .flatMap((path) => {
      const found = statSync(path);
      if (!found.isDirectory()) return found.isFile() ? [path] : [];
      return way.includes(realpathSync(path)) ? [] : filesIn(path, way);
    });
}

/** By the file's own beginning up to `#`, else by the innermost folder that is called like a platform. */
function platformOf(file: string, byName: ReadonlyMap<string, Platform>): Platform | undefined {
  const parts = file.split("/");
  const name = parts.pop() ?? "";
  const [model = ""] = name.split("#");
  if (name.includes("#")) return byName.get(model);
  return parts
    .reverse()
    .map((part) => byName.get(part))
    .find((platform) => platform !== undefined);
}

/** What others list. Throws a RangeError for what is no list of texts. */
function listedIn(yaml: string): Listed {
  const document: unknown = parse(yaml) ?? {};
  if (typeof document !== "object" || Array.isArray(document)) throw new RangeError("expected a mapping");
  const texts = (name: keyof Listed): readonly string[] => {
    const list = (document as Readonly<Record<string, unknown>>)[name] ?? [];
    // What has digits alone may stand there without quotes.
    const isText = (one: unknown): boolean => typeof one === "string" || typeof one === "number";
    if (Array.isArray(list) && list.every(isText)) return list.map(String);
    throw new RangeError(`\`${name}\` has to be a list of texts`);
  };
  return { pass: texts("pass"), pass_with_expect: texts("pass_with_expect"), fail: texts("fail") };
}

/** Undefined: a file of a kind that says nothing. */
async function checkFile(
  path: string,
  platform: Platform,
  check: PlatformCheck,
  clock: Clock,
): Promise<readonly Finding[] | undefined> {
  const name = basename(path);
  const text = (): string => readFileSync(path, "utf8");
  if (name.endsWith(".raw")) {
    check.outputs++;
    check.lines += text().split("\n").length;
    return checkOutput(platform, text());
  }
  if (platform.channel === "exec") return undefined;
  if (name.endsWith("simulation.yaml")) {
    const recorded = parseRecordedSession(text());
    const session = await checkSession(platform, recorded, clock);
    if (session) {
      check.sessions++;
      check.commands += session.commands;
      return session.findings;
    }
    check.outputs += recorded.turns.length;
    return recorded.turns.flatMap(({ reply }, index) => {
      check.lines += reply.split("\n").length;
      return checkOutput(platform, reply).map((finding) => ({ ...finding, line: index + 1 }));
    });
  }
  if (name.endsWith("#prompt.yaml")) {
    const { pass, pass_with_expect: rendered, fail } = listedIn(text());
    check.listed += pass.length + rendered.length + fail.length;
    return checkPrompts(platform, [...pass, ...rendered], fail);
  }
  if (name.endsWith("#secret.yaml")) {
    const { fail } = listedIn(text());
    const recording = path.replace(/#secret\.yaml$/, "#simulation.yaml");
    if (!existsSync(recording)) return undefined;
    const redactor = createRedactor(platform.secrets);
    const shown = parseRecordedSession(readFileSync(recording, "utf8"))
      .turns.map(({ reply }) => redactor.redact(reply.replaceAll("\r", "")))
      .join("\n")
      .split("\n");
    check.listed += fail.length;
    return fail.flatMap((secret, index): Finding[] => {
      const line = shown.find((one) => one.includes(secret));
      return line === undefined ? [] : [{ kind: "secret", line: index + 1, text: line.trim() }];
    });
  }
  return undefined;
}
