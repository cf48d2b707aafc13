import { readCommandRules } from "./commands-reader.js";
import { evidences, readConfiguration } from "./configuration-reader.js";
import type { Reader } from "./definition-reader.js";
import { readIdentityRules } from "./identity-rules.js";
import type { Mode, Platform, Question, Transition } from "./platform.js";
import { readVectors } from "./platform-vectors.js";

/** Reads a whole definition. Throws a DefinitionError that names the field. */
export function readPlatform(reader: Reader): Omit<Platform, "origin"> {
  const fields = reader.object(
    ...([
      "name",
      "description",
      "known_as",
      "evidence",
      "channel",
      "terminal",
      "newline",
      "user_suffix",
      "repaints",
      "prompts_early",
      "help_key",
    ] as const),
    ...(["prompts", "prompts_below", "above", "host_kept", "host_followed_by", "home"] as const),
    ...(["transitions", "login_ask", "on_open", "on_close"] as const),
    ...([
      "pager",
      "errors",
      "questions",
      "log",
      "rename",
      "read_only",
      "commands",
      "identity",
      "configure",
      "secrets",
      "limits",
    ] as const),
    "tests",
  );
  const name = fields.name.text();
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) fields.name.fail("expected lower case letters, digits and _");
  const channel = fields.channel.oneOf(["shell", "exec"]);
  const modes = readModes(fields.prompts, fields.prompts_below);
  if (channel === "shell" && modes.length === 0) fields.prompts.fail("a shell needs the prompt of at least one mode");
  const names = modes.map((mode) => mode.name);
  const terminal = fields.terminal.object("columns", "rows");
  const helpKey = fields.help_key.text(channel === "shell" ? "?" : "");
  const readOnly = fields.read_only.object("commands", "pipes", "except");
  const limits = fields.limits.object("max_sessions", "connects_per_minute", "connect_burst");
  return {
    name,
    description: fields.description.text(),
    knownAs: fields.known_as.list((item) => item.text()),
    evidence: fields.evidence.oneOf(evidences, "documents"),
    channel,
    terminal: { columns: terminal.columns.count(511), rows: terminal.rows.count(1000) },
    newline: fields.newline.oneOf(["\n", "\r", "\r\n"], "\n"),
    userSuffix: fields.user_suffix.text(""),
    repaints: fields.repaints.flag(false),
    promptsEarly: fields.prompts_early.flag(false),
    helpKey,
    modes,
    above: fields.above.anyPattern(),
    transitions: fields.transitions.entries((edge, value) => readTransition(edge, value, names)),
    loginQuestions: fields.login_ask.list(readQuestion),
    onOpen: fields.on_open.list((item) => item.text()),
    onClose: fields.on_close.list((item) => item.text()),
    pagers: fields.pager.list((item) => {
      const { match, send } = item.object("match", "send");
      return { match: telling(match, match.pattern()), send: send.text() };
    }),
    errors: telling(fields.errors, fields.errors.anyPattern()),
    questions: telling(fields.questions, fields.questions.anyPattern()),
    log: fields.log.absent ? undefined : fields.log.pattern(),
    rename: fields.rename.absent ? undefined : fields.rename.pattern(["host"]),
    hostKept: fields.host_kept.count(0),
    hostFollowedBy: fields.host_followed_by.text(""),
    home: fields.home.absent ? undefined : fields.home.oneOf(names),
    readOnly: {
      commands: readOnly.commands.list((item) => item.text()),
      pipes: readOnly.pipes.list((item) => item.text()),
      except: readOnly.except.absent ? undefined : readOnly.except.pattern(),
    },
    identity: readIdentityRules(fields.identity),
    commands: readCommandRules(fields.commands),
    configuration: fields.configure.absent ? undefined : readConfiguration(fields.configure, names, helpKey),
    secrets: fields.secrets.list((item) => alsoNegated(item.pattern(["secret"]))),
    limits: {
      ...(limits.max_sessions.absent ? {} : { maxSessions: limits.max_sessions.count(undefined, 1) }),
      ...(limits.connects_per_minute.absent
        ? {}
        : { connectsPerMinute: limits.connects_per_minute.count(undefined, 1) }),
      ...(limits.connect_burst.absent ? {} : { connectBurst: limits.connect_burst.count(undefined, 1) }),
    },
    vectors: readVectors(fields.tests, names),
  };
}

/** What an empty line meets is met by lines that say nothing. */
function telling<T extends RegExp | undefined>(reader: Reader, pattern: T): T {
  return pattern?.test("") ? reader.fail("matches an empty line") : pattern;
}

/** What takes a line away names its secret as well, whatever the platform's word for that: `no snmp-server community …`. */
function alsoNegated(pattern: RegExp): RegExp {
  const begins = "^\\s*";
  if (!pattern.source.startsWith(begins)) return pattern;
  return new RegExp(`${begins}(?:(?:no|undo|delete|unset) )?${pattern.source.slice(begins.length)}`);
}

function readModes(prompts: Reader, below: Reader): Mode[] {
  const lines = new Map(below.entries((mode, line) => [mode, { line, pattern: line.pattern() }] as const));
  const modes = prompts.entries((name, prompt) => ({
    name,
    prompt: telling(prompt, prompt.pattern(["host"])),
    below: lines.get(name)?.pattern,
  }));
  for (const [mode, { line }] of lines) {
    if (!modes.some(({ name }) => name === mode)) line.fail("not one of the modes");
  }
  return modes;
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
  const fields = reader.object("match", "secret", "answer", "key");
  if (fields.secret.absent === fields.answer.absent) reader.fail("expected either secret or answer");
  const answer = fields.secret.absent
    ? { text: fields.answer.text() }
    : { secret: fields.secret.oneOf(["username", "password", "enable"]) };
  return { match: fields.match.pattern(), answer, isKey: fields.key.flag(false) };
}
