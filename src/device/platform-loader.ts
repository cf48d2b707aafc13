import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { readConfiguration } from "./configuration-reader.js";
import { createReader, DefinitionError, type Reader } from "./definition-reader.js";
import type { Platform, PlatformVectors, Question, Transition } from "./platform.js";

export { DefinitionError } from "./definition-reader.js";

/** Reads one definition. Throws a DefinitionError that names the field, with `origin` (a file name) in front. */
export function parsePlatform(yaml: string, origin = "definition"): Platform {
  try {
    return readPlatform(createReader(parse(yaml), ""));
  } catch (error) {
    if (error instanceof DefinitionError)
      throw new DefinitionError(`${origin}: ${error.field}`, error.message.slice(error.field.length + 2));
    throw new DefinitionError(origin, (error as Error).message);
  }
}

/** Reads every `*.yaml` of a folder, by name. Later folders of an installation replace earlier ones by the same name. */
export function loadPlatforms(folder: string | URL): Map<string, Platform> {
  const path = typeof folder === "string" ? folder : fileURLToPath(folder);
  const platforms = new Map<string, Platform>();
  for (const file of readdirSync(path).sort()) {
    if (!file.endsWith(".yaml")) continue;
    const platform = parsePlatform(readFileSync(`${path}/${file}`, "utf8"), file);
    if (platforms.has(platform.name)) throw new DefinitionError(`${file}: name`, `${platform.name} is defined twice`);
    platforms.set(platform.name, platform);
  }
  return platforms;
}

let builtIn: ReadonlyMap<string, Platform> | undefined;

/** The platforms that come with Pointsman, by name. Read once. */
export function builtInPlatforms(): ReadonlyMap<string, Platform> {
  builtIn ??= loadPlatforms(new URL("./platforms/", import.meta.url));
  return builtIn;
}

function readPlatform(reader: Reader): Platform {
  const fields = reader.object(
    "name",
    "description",
    "channel",
    "terminal",
    "prompts",
    "host_kept",
    "transitions",
    "login_ask",
    "on_open",
    "on_close",
    "pager",
    "errors",
    "questions",
    "log",
    "rename",
    "read_only",
    "configure",
    "secrets",
    "limits",
    "tests",
  );
  const name = fields.name.text();
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) fields.name.fail("expected lower case letters, digits and _");
  const channel = fields.channel.oneOf(["shell", "exec"]);
  const modes = fields.prompts.entries((mode, prompt) => ({ name: mode, prompt: prompt.pattern(["host"]) }));
  if (channel === "shell" && modes.length === 0) fields.prompts.fail("a shell needs the prompt of at least one mode");
  const names = modes.map((mode) => mode.name);
  const terminal = fields.terminal.object("columns", "rows");
  const pager = fields.pager.object("match", "send");
  const readOnly = fields.read_only.object("commands", "pipes");
  const limits = fields.limits.object("max_sessions", "connects_per_minute");
  return {
    name,
    description: fields.description.text(),
    channel,
    terminal: { columns: terminal.columns.count(511), rows: terminal.rows.count(1000) },
    modes,
    transitions: fields.transitions.entries((edge, value) => readTransition(edge, value, names)),
    loginQuestions: fields.login_ask.list(readQuestion),
    onOpen: fields.on_open.list((item) => item.text()),
    onClose: fields.on_close.list((item) => item.text()),
    pager: fields.pager.absent ? undefined : { match: pager.match.pattern(), send: pager.send.text() },
    errors: fields.errors.anyPattern(),
    questions: fields.questions.anyPattern(),
    log: fields.log.absent ? undefined : fields.log.pattern(),
    rename: fields.rename.absent ? undefined : fields.rename.pattern(["host"]),
    hostKept: fields.host_kept.count(0),
    readOnly: {
      commands: readOnly.commands.list((item) => item.text()),
      pipes: readOnly.pipes.list((item) => item.text()),
    },
    configuration: fields.configure.absent ? undefined : readConfiguration(fields.configure, names),
    secrets: fields.secrets.list((item) => item.pattern(["secret"])),
    limits: {
      ...(limits.max_sessions.absent ? {} : { maxSessions: limits.max_sessions.count() }),
      ...(limits.connects_per_minute.absent ? {} : { connectsPerMinute: limits.connects_per_minute.count() }),
    },
    vectors: readVectors(fields.tests, names),
  };
}

function readTransition(edge: string, reader: Reader, modes: readonly string[]): Transition {
  const [from = "", to = "", ...rest] = edge.split(">");
  if (rest.length > 0 || !modes.includes(from) || !modes.includes(to))
    reader.fail("expected 'mode>mode', both with a prompt");
  const fields = reader.object("send", "ask", "fail");
  return {
    from,
    to,
    send: fields.send.text(),
    ask: fields.ask.list(readQuestion),
    fail: fields.fail.list((item) => item.pattern()),
  };
}

function readQuestion(reader: Reader): Question {
  const fields = reader.object("match", "secret", "answer");
  if (fields.secret.absent === fields.answer.absent) reader.fail("expected either secret or answer");
  const answer = fields.secret.absent
    ? { text: fields.answer.text() }
    : { secret: fields.secret.oneOf(["username", "password", "enable"]) };
  return { match: fields.match.pattern(), answer };
}

function readVectors(reader: Reader, modes: readonly string[]): PlatformVectors {
  const fields = reader.object(
    "prompts",
    "errors",
    "not_errors",
    "questions",
    "not_questions",
    "redact",
    "read_only",
    "not_read_only",
    "renames",
  );
  const nullable = (value: Reader, read: (value: Reader) => string): string | null => {
    try {
      return read(value);
    } catch {
      return null;
    }
  };
  const texts = (value: Reader): string[] => value.list((item) => item.text());
  return {
    prompts: fields.prompts.list((item) => {
      const { text, mode, host } = item.object("text", "mode", "host");
      const expected = nullable(mode, (value) => value.text());
      if (expected !== null && !modes.includes(expected)) mode.fail("not one of the modes");
      return { text: text.text(), mode: expected, ...(host.absent ? {} : { host: host.text() }) };
    }),
    errors: texts(fields.errors),
    notErrors: texts(fields.not_errors),
    questions: texts(fields.questions),
    notQuestions: texts(fields.not_questions),
    redact: fields.redact.list((item) => {
      const { in: before, out } = item.object("in", "out");
      return { in: before.text(), out: out.text() };
    }),
    readOnly: texts(fields.read_only),
    notReadOnly: texts(fields.not_read_only),
    renames: fields.renames.list((item) => {
      const { command, host } = item.object("command", "host");
      return { command: command.text(), host: nullable(host, (value) => value.text()) };
    }),
  };
}
