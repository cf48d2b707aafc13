import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Ask, CliPersonality, CommandEntry, Mode, Personality } from "./personality.js";
import { asList, asText, fields, type Fields } from "./yaml-fields.js";

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
