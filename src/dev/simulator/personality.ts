import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

/** How one kind of device looks and answers, read from `personalities/<platform>.yaml`. All text ends lines with `\n`. */
export interface Personality {
  readonly platform: string;
  /** `network`: a command line of modes and syntaxes. `shell`: a Unix shell with exec requests. */
  readonly kind: "network" | "shell";
  readonly ssh: {
    /** Software version in the SSH greeting, after `SSH-2.0-`. */
    readonly ident: string;
    /** Channels that one connection may have open. */
    readonly channels: number;
  };
  /** Values for `{name}` in any text: host, model, version… A device may override each. */
  readonly facts: Readonly<Record<string, string>>;
  /** Printed when a shell opens, before the first prompt. */
  readonly greeting: string;
  /** strftime-like format of `{clock}` and `{log_time}`. */
  readonly clock: { readonly format: string; readonly log: string };
  readonly more: { readonly text: string; readonly erase: string };
  readonly interrupt: string;
  /** Syslog lines as the device would print them, for the fault that mixes them into output. */
  readonly syslog: readonly string[];
  /** What network devices need besides; absent for shells. */
  readonly cli?: CliPersonality;
  /** Files that `cat` knows, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** The command line of a network platform. */
export interface CliPersonality {
  /** Whether `?` prints help at once. */
  readonly help: boolean;
  /** Letters of the host name that prompts of configuration modes show. */
  readonly hostLimit: number;
  /** Modes after a login without and with privilege. */
  readonly login: { readonly plain: string; readonly privileged: string };
  readonly modes: Readonly<Record<string, Mode>>;
  /** Command groups by name; a mode's own group has the mode's name. */
  readonly commands: Readonly<Record<string, readonly CommandEntry[]>>;
  readonly interfaces: readonly string[];
  readonly errors: { readonly invalid: string; readonly incomplete: string; readonly ambiguous: string };
  readonly enable: EnablePersonality;
  readonly config: {
    readonly header: string;
    readonly footer: string;
    readonly indent: string;
    readonly close: string;
    readonly separator: string;
    readonly initial: string;
  };
}

/** How a platform asks for the enable secret. */
export interface EnablePersonality {
  readonly question: string;
  readonly attempts: number;
  /** Printed after the last wrong answer. */
  readonly refused: string;
}

/** One mode of a command line. */
export interface Mode {
  readonly prompt: string;
  /** Groups of commands known here besides the mode's own. */
  readonly includes: readonly string[];
  /** Where `exit` leads; undefined closes the session. */
  readonly parent?: string;
  /** True for modes whose lines change the configuration. */
  readonly configuration: boolean;
}

/** One command of a network platform. */
export interface CommandEntry {
  readonly syntax: readonly string[];
  /** Printed when everything else is done. */
  readonly output: string;
  /** Printed again and again, until it was printed `times` times or Ctrl-C. */
  readonly stream?: { readonly text: string; readonly everyMs: number; readonly times: number };
  /** Questions before anything happens. */
  readonly ask: readonly Ask[];
  /** What the command does; see `network-actions.ts`. */
  readonly action?: string;
  /** The mode that the command leads to. */
  readonly enter?: string;
  /** The line goes into the configuration: beside others, replacing those with the same stem, or opening a section. */
  readonly config?: "line" | "single" | "section";
}

/** A question of the device. */
export interface Ask {
  readonly question: string;
  /** Answered by one key, without Enter. */
  readonly key: boolean;
  /** Asked only when the configuration has unsaved changes. */
  readonly unsaved: boolean;
  /** Which answers let the command go on. */
  readonly accept: RegExp;
  readonly refused: string;
}

let known: ReadonlyMap<string, Personality> | undefined;

/** The personality of a platform. Throws when there is none. */
export function personalityOf(platform: string): Personality {
  known ??= loadPersonalities(new URL("./personalities/", import.meta.url));
  const found = known.get(platform);
  if (!found) throw new Error(`No simulated platform "${platform}"; there are ${[...known.keys()].join(", ")}`);
  return found;
}

/** Reads every `*.yaml` in a folder. Errors name the file and the field. */
export function loadPersonalities(folder: URL): ReadonlyMap<string, Personality> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  const loaded = files.sort().map((name) => readPersonality(name, readFileSync(new URL(name, folder), "utf8")));
  return new Map(loaded.map((personality) => [personality.platform, personality]));
}

function readPersonality(file: string, source: string): Personality {
  const top = fields(parse(source), file, [
    ...["platform", "kind", "ssh", "facts", "greeting", "clock", "more", "interrupt", "syslog", "cli", "files"],
  ]);
  const kind = top.text("kind");
  if (kind !== "network" && kind !== "shell") throw new Error(`${file}: kind must be "network" or "shell"`);
  const ssh = top.fields("ssh", ["ident", "channels"]);
  const clock = top.fields("clock", ["format", "log"]);
  const more = top.fields("more", ["text", "erase"]);
  return {
    platform: top.text("platform"),
    kind,
    ssh: { ident: ssh.text("ident"), channels: ssh.number("channels") },
    facts: top.texts("facts"),
    greeting: top.text("greeting", ""),
    clock: { format: clock.text("format"), log: clock.text("log") },
    more: { text: more.text("text"), erase: more.text("erase") },
    interrupt: top.text("interrupt", ""),
    syslog: top.list("syslog", (value, path) => asText(value, path)),
    files: top.texts("files"),
    ...(kind === "network" ? { cli: readCli(top) } : {}),
  };
}

function readCli(top: Fields): CliPersonality {
  const cli = top.fields("cli", [
    ...["help", "host_limit", "login", "modes", "commands", "interfaces", "errors", "enable", "config"],
  ]);
  const login = cli.fields("login", ["plain", "privileged"]);
  const errors = cli.fields("errors", ["invalid", "incomplete", "ambiguous"]);
  const enable = cli.fields("enable", ["question", "attempts", "refused"]);
  const config = cli.fields("config", ["header", "footer", "indent", "close", "separator", "initial"]);
  return {
    help: cli.flag("help"),
    hostLimit: cli.number("host_limit", 63),
    login: { plain: login.text("plain"), privileged: login.text("privileged") },
    modes: cli.map("modes", readMode),
    commands: cli.map("commands", (value, path) =>
      asList(value, path).map((entry, at) => readCommand(entry, `${path}[${at}]`)),
    ),
    interfaces: cli.list("interfaces", (value, path) => asText(value, path)),
    errors: {
      invalid: errors.text("invalid"),
      incomplete: errors.text("incomplete"),
      ambiguous: errors.text("ambiguous"),
    },
    enable: {
      question: enable.text("question"),
      attempts: enable.number("attempts"),
      refused: enable.text("refused"),
    },
    config: {
      header: config.text("header", ""),
      footer: config.text("footer", ""),
      indent: config.text("indent", " "),
      close: config.text("close", ""),
      separator: config.text("separator", "!"),
      initial: config.text("initial"),
    },
  };
}

function readMode(value: unknown, path: string): Mode {
  const mode = fields(value, path, ["prompt", "includes", "parent", "configuration"]);
  const parent = mode.text("parent", "");
  return {
    prompt: mode.text("prompt"),
    includes: mode.list("includes", (name, at) => asText(name, at)),
    configuration: mode.flag("configuration"),
    ...(parent === "" ? {} : { parent }),
  };
}

function readCommand(value: unknown, path: string): CommandEntry {
  const entry = fields(value, path, ["syntax", "output", "stream", "ask", "do", "enter", "config"]);
  const action = entry.text("do", "");
  const enter = entry.text("enter", "");
  const config = entry.text("config", "");
  if (config !== "" && config !== "line" && config !== "single" && config !== "section") {
    throw new Error(`${path}.config must be line, single or section`);
  }
  const stream = entry.has("stream") ? entry.fields("stream", ["text", "every_ms", "times"]) : undefined;
  return {
    syntax: entry.list("syntax", (syntax, at) => asText(syntax, at)),
    output: entry.text("output", ""),
    ask: entry.list("ask", readAsk),
    ...(stream
      ? { stream: { text: stream.text("text"), everyMs: stream.number("every_ms"), times: stream.number("times") } }
      : {}),
    ...(action === "" ? {} : { action }),
    ...(enter === "" ? {} : { enter }),
    ...(config === "" ? {} : { config }),
  };
}

function readAsk(value: unknown, path: string): Ask {
  const ask = fields(value, path, ["question", "key", "unsaved", "accept", "refused"]);
  return {
    question: ask.text("question"),
    key: ask.flag("key"),
    unsaved: ask.flag("unsaved"),
    accept: new RegExp(ask.text("accept", "")),
    refused: ask.text("refused", ""),
  };
}

interface Fields {
  has(name: string): boolean;
  text(name: string, otherwise?: string): string;
  number(name: string, otherwise?: number): number;
  flag(name: string): boolean;
  texts(name: string): Record<string, string>;
  list<Item>(name: string, read: (value: unknown, path: string) => Item): Item[];
  map<Item>(name: string, read: (value: unknown, path: string) => Item): Record<string, Item>;
  fields(name: string, allowed: readonly string[]): Fields;
}

/** Reads an object field by field; unknown names are errors, so that a slip of the pen cannot pass unseen. */
function fields(value: unknown, path: string, allowed: readonly string[]): Fields {
  const object = asObject(value, path);
  for (const name of Object.keys(object)) {
    if (!allowed.includes(name)) throw new Error(`${path}: unknown field "${name}"`);
  }
  const at = (name: string): string => `${path}: ${name}`;
  const self: Fields = {
    has: (name) => object[name] !== undefined,
    text: (name, otherwise) =>
      (object[name] ?? otherwise) === undefined || object[name] !== undefined
        ? asText(object[name], at(name))
        : otherwise!,
    number(name, otherwise) {
      const found = object[name] ?? otherwise;
      if (typeof found !== "number") throw new Error(`${at(name)} must be a number`);
      return found;
    },
    flag(name) {
      const found = object[name] ?? false;
      if (typeof found !== "boolean") throw new Error(`${at(name)} must be true or false`);
      return found;
    },
    texts: (name) => self.map(name, asText),
    list(name, read) {
      const found = object[name] ?? [];
      return (typeof found === "string" ? [found] : asList(found, at(name))).map((item, index) =>
        read(item, `${at(name)}[${index}]`),
      );
    },
    map(name, read) {
      const entries = Object.entries(asObject(object[name] ?? {}, at(name)));
      return Object.fromEntries(entries.map(([key, item]) => [key, read(item, `${at(name)}.${key}`)]));
    },
    fields: (name, names) => fields(object[name], at(name), names),
  };
  return self;
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path} must be a mapping`);
  return value as Record<string, unknown>;
}

function asList(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${path} must be a list`);
  return value;
}

function asText(value: unknown, path: string): string {
  if (typeof value !== "string") throw new Error(`${path} must be text`);
  return value;
}
