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
