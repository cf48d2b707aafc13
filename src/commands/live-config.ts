import { type AddressRule, createAddressRule } from "../outbound/address-rule.js";
import { type Config, reloadable, settings } from "../config.js";

/** The settings of a running process. */
export interface LiveConfig {
  /** As they hold now: whoever keeps this object sees what is taken over later. */
  readonly config: Config;
  /** Takes over what needs no restart. Gives the paths of what has changed and needs one. */
  take(next: Config): readonly string[];
}

/** Settings that can be read again while a process runs. */
export function createLiveConfig(first: Config): LiveConfig {
  const config: Config = { ...first };
  const names = Object.keys(settings) as (keyof Config)[];
  return {
    config,
    take(next) {
      const needRestart = names.filter((name) => !same(next[name], config[name]) && !isTaken(name, config, next));
      const taken = names.filter((name) => isTaken(name, config, next)).map((name) => [name, next[name]]);
      Object.assign(config, Object.fromEntries(taken));
      return needRestart.map((name) => settings[name].path);
    },
  };
}

/** A server that speaks clear text cannot begin to speak TLS on the same port, nor the other way round. */
function isTaken(name: keyof Config, now: Config, next: Config): boolean {
  if ((name === "tlsCertificate" || name === "tlsKey") && (now[name] === undefined) !== (next[name] === undefined)) {
    return false;
  }
  return reloadable.has(name);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Which addresses may be called, by what the settings say when they are asked. */
export function liveAddressRule(config: Pick<Config, "allowAddresses" | "allowHosts">): AddressRule {
  let made: { readonly of: readonly unknown[]; readonly rule: AddressRule } | undefined;
  const rule = (): AddressRule => {
    const { allowAddresses, allowHosts } = config;
    if (made?.of[0] !== allowAddresses || made.of[1] !== allowHosts) {
      made = { of: [allowAddresses, allowHosts], rule: createAddressRule(config) };
    }
    return made.rule;
  };
  return { allows: (address) => rule().allows(address), allowsHost: (host) => rule().allowsHost(host) };
}
