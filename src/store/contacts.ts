import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { StoreConnection } from "./connection.js";
import type { BreakerRecord, Contact, ContactStore } from "./contact-store.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";

/** Breakers and what is remembered of connecting, in the zones of the devices. */
export function createContactStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): ContactStore {
  const namesOf = (endpoint: string, credentials: readonly string[], bastions: readonly string[]): string[] => [
    `device/${endpoint}`,
    ...bastions.map((bastion) => `bastion/${bastion}`),
    ...credentials.map((credential) => `credential/${credential}`),
  ];
  const profile = (stored: string): { cryptoProfile?: CryptoProfile } =>
    stored === "" ? {} : { cryptoProfile: stored as CryptoProfile };

  return {
    async begin({ zone, endpoint, credential = "", bastions = [], bastionCredentials = [] }: Contact, pressing) {
      const way = [bastions.length, ...bastions, ...bastionCredentials];
      const args = [endpoint, credential, pressing ? 1 : "", ...way];
      const [answer, ...rest] = list(await scripts.run("contact_begin", keys.zone(zone), ...args)).map((part) =>
        text(part),
      );
      const [first = "", second = "", reason = "", message = "", out = ""] = rest;
      if (answer === "OPEN") {
        const whose = out === "" ? {} : { credential: out };
        return { open: { name: first, waitMs: Number(second), reason, message, ...whose }, counted: true };
      }
      return { ...profile(first), counted: second !== "" };
    },
    async end({ zone, endpoint, credential = "", bastions = [], bastionCredentials = [] }, outcome) {
      const [took, reason, message] =
        outcome.kind === "reached" ? [outcome.cryptoProfile ?? "", "", ""] : ["", outcome.reason, outcome.message];
      const silent = outcome.kind === "unreachable" ? (outcome.bastion ?? "") : "";
      const way = [silent, bastions.length, ...bastions, ...bastionCredentials];
      const args = [endpoint, credential, outcome.kind, took, reason, message, ...way];
      await scripts.run("contact_end", keys.zone(zone), ...args);
    },
    async look(zone, endpoint, credentials, bastions = []) {
      const root = keys.zone(zone);
      const names = namesOf(endpoint, credentials, bastions);
      const [took, ...found] = await Promise.all([
        redis.hget(keyOf(root, "ep", endpoint), "cp"),
        ...names.map(async (name) => breakerOf(name, await redis.hgetall(keyOf(root, "breaker", name)))),
      ]);
      return { ...profile(took ?? ""), breakers: found.filter((breaker) => breaker !== undefined) };
    },
    async reset(zone, endpoint, credentials, bastions = []) {
      const reply = list(
        await scripts.run("reset_breaker", keys.zone(zone), endpoint, ...namesOf(endpoint, credentials, bastions)),
      );
      return Number(reply[0]);
    },
  };
}

function breakerOf(name: string, facts: Readonly<Record<string, string>>): BreakerRecord | undefined {
  const { n = "0", o, t, r = "", m = "" } = facts;
  if (o === undefined || t === undefined) return undefined;
  return { name, failures: Number(n), openMs: Number(o), tryMs: Number(t), reason: r, message: m };
}
