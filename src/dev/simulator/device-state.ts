import type { Clock, Random } from "../../domain/clock.js";
import { createFaultState, type FaultState } from "./faults.js";
import type { Personality } from "./personality.js";
import { personalityOf } from "./personality-loader.js";
import { createRunningConfig, type RunningConfig } from "./running-config.js";
import { createSeededRandom } from "./seeded-random.js";
import type { ExtraCommand, SimulatedDevice } from "./simulated-device.js";
import { formatTime, render } from "./template.js";

/** A simulated device as it is at the moment, shared by all of its sessions. */
export interface DeviceState {
  readonly definition: SimulatedDevice;
  readonly personality: Personality;
  hostname: string;
  readonly running: RunningConfig;
  readonly faults: FaultState;
  /** Later ones win. */
  readonly extra: ExtraCommand[];
  /** The extra command for a line. */
  findExtra(line: string): { command: ExtraCommand; groups: readonly string[] } | undefined;
  /** True when the configuration differs from the saved one. */
  readonly unsaved: boolean;
  save(): void;
  /** Goes back to the saved configuration, as a reload does. */
  restart(): void;
  runningText(): string;
  /** The configuration without header and footer, as {@link DeviceState.replace} takes it. */
  bodyText(): string;
  /** Puts a whole configuration in the place of the running one. */
  replace(body: string): void;
  /** Goes back to a configuration unless {@link DeviceState.keep} is called within `ms`. */
  revertAfter(body: string, ms: number): void;
  /** Ends the wait, keeping what runs or going back at once. False when nothing was waited for. */
  keep(): boolean;
  goBack(): boolean;
  /** Puts facts, host name, clock and configuration into a text. */
  fill(text: string, values?: Readonly<Record<string, string>>): string;
  /** A random stream of its own for a session. */
  randomFor(purpose: string): Random;
}

/** Makes the state of one device at its start. Throws for an unknown platform. */
export function createDeviceState(definition: SimulatedDevice, clock: Clock, seed: string): DeviceState {
  const personality = personalityOf(definition.platform);
  const firstName = definition.hostname ?? definition.name;
  const faults = createFaultState(definition.faults);
  const started = clock.now();
  const randomFor = (purpose: string): Random => createSeededRandom(`${seed}/${definition.name}/${purpose}`);
  const serial = `FTX${Math.floor(randomFor("serial").number() * 36 ** 8)
    .toString(36)
    .toUpperCase()
    .padStart(8, "0")}`;
  const facts: Record<string, string> = { serial, ...personality.facts, ...definition.facts };
  const initial = render(definition.config ?? personality.cli?.config.initial ?? "", (name) =>
    name === "host" ? firstName : facts[name],
  );
  let running = createRunningConfig(initial);
  let printed = { version: -1, text: "" };
  let saved = { version: 0, text: "" };
  let savedName = firstName;
  let reverting: { readonly body: string; readonly cancel: () => void } | undefined;

  const layout = personality.cli?.config;
  const bodyText = (): string => {
    if (!layout) return "";
    if (printed.version !== running.version) {
      printed = { version: running.version, text: running.render(layout) };
    }
    return printed.text;
  };
  const configText = (body: string): string => {
    if (!layout) return "";
    const whole = layout.header + body + layout.footer;
    const known: Record<string, string> = { ...facts, host: self.hostname, config_bytes: String(whole.length) };
    return render(whole, (name) => known[name]).replace(/\n$/, "");
  };
  saved = { version: running.version, text: bodyText() };

  const dynamic = (name: string): string | undefined => {
    if (name === "host") return self.hostname;
    if (name === "clock") return formatTime(personality.clock.format, clock.now());
    if (name === "log_time") return formatTime(personality.clock.log, clock.now());
    if (name === "uptime") return uptime(clock.now() - started);
    if (name === "running_config") return configText(bodyText());
    if (name === "startup_config") return configText(saved.text);
    return facts[name];
  };

  const self: DeviceState = {
    definition,
    personality,
    hostname: firstName,
    get running() {
      return running;
    },
    faults,
    extra: [...(definition.commands ?? [])].reverse(),
    findExtra(line) {
      if (self.extra.length === 0) return undefined;
      const plain = line.trim().replace(/\s+/g, " ");
      for (let at = self.extra.length - 1; at >= 0; at--) {
        const command = self.extra[at]!;
        if (command.command === plain) return { command, groups: [] };
        if (typeof command.command === "string") continue;
        const found = command.command.exec(plain);
        if (found) return { command, groups: found.slice(1).map((group) => group ?? "") };
      }
      return undefined;
    },
    get unsaved() {
      return saved.version !== running.version && saved.text !== bodyText();
    },
    save() {
      saved = { version: running.version, text: bodyText() };
      savedName = self.hostname;
    },
    restart() {
      self.keep();
      running = createRunningConfig(saved.text);
      printed = { version: -1, text: "" };
      saved = { version: running.version, text: bodyText() };
      self.hostname = savedName;
    },
    runningText: () => configText(bodyText()),
    bodyText,
    replace(body) {
      running = createRunningConfig(body);
      printed = { version: -1, text: "" };
      saved = { version: -1, text: saved.text };
      self.hostname = /^hostname (\S+)$/m.exec(body)?.[1] ?? self.hostname;
    },
    revertAfter(body, ms) {
      self.keep();
      reverting = { body, cancel: clock.timer(ms, () => void self.goBack()) };
    },
    keep() {
      const waited = reverting !== undefined;
      reverting?.cancel();
      reverting = undefined;
      return waited;
    },
    goBack() {
      const body = reverting?.body;
      if (!self.keep() || body === undefined) return false;
      self.replace(body);
      return true;
    },
    fill: (text, values) => render(text, (name) => values?.[name] ?? dynamic(name)),
    randomFor,
  };
  return self;
}

/** Days, hours and minutes as devices print them; a device that starts was up for a week. */
function uptime(sinceMs: number): string {
  const minutes = Math.floor(sinceMs / 60_000) + 7 * 24 * 60 + 83;
  const parts: [number, string][] = [
    [Math.floor(minutes / 10_080), "week"],
    [Math.floor(minutes / 1440) % 7, "day"],
    [Math.floor(minutes / 60) % 24, "hour"],
    [minutes % 60, "minute"],
  ];
  const shown = parts.filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(", ");
}
