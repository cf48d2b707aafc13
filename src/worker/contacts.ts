import type { Logger } from "pino";
import { DeviceError, type SessionGate } from "../device/index.js";
import { bastionKeys } from "../domain/endpoint-key.js";
import type { Contact, ContactOutcome, ContactStore } from "../store/store.js";
import { AttemptError } from "./failure.js";
import type { ReachableEndpoint, ReachableHop } from "./reach.js";

/** Failures that say of a device, or of a bastion on the way, that it cannot be got to now. */
const unreachable: ReadonlySet<string> = new Set([
  "DEVICE_UNREACHABLE",
  "CONNECTION_REFUSED",
  "CONNECT_RATE_LIMITED",
  "DISCONNECTED",
  "PROMPT_NOT_FOUND",
  "SESSION_LIMIT",
]);

/** An open breaker kept an attempt from connecting. */
export class BreakerOpenError extends AttemptError {
  readonly breaker: string;
  readonly waitMs: number;
  /** `credential`: only whoever logs in with this one is kept out. */
  constructor(breaker: string, waitMs: number, message: string, credential?: string) {
    super("BREAKER_OPEN", message, { breaker, ...(credential === undefined ? {} : { credential }) });
    this.breaker = breaker;
    this.waitMs = waitMs;
  }
}

/**
 * Stands around every connection that a pool opens: asks the breakers that all workers share, tells them how it went, and
 * remembers the crypto profile of each device. A store that does not answer stops no connection.
 */
export function createContacts(contacts: ContactStore, logger: Logger): SessionGate {
  async function tell(contact: Contact, outcome: ContactOutcome): Promise<void> {
    await contacts.end(contact, outcome).catch((error: unknown) => {
      logger.warn({ err: error, endpoint: contact.endpoint }, "how a connection went could not be told");
    });
  }

  /** Many may wait for one connection to a bastion, and see it fail with one error: that is one failure. */
  const told = new WeakSet<DeviceError>();

  return async (endpoint, pressing, open) => {
    const reachable = endpoint as ReachableEndpoint;
    const contact = contactOf(reachable);
    const known = await contacts.begin(contact, pressing).catch((error: unknown) => {
      logger.warn({ err: error, endpoint: contact.endpoint }, "the breakers could not be asked");
      return { counted: true, open: undefined, cryptoProfile: undefined };
    });
    if (known.open) {
      const { name, waitMs, reason, message, credential } = known.open;
      // A refusal is of a login, also where the breaker is that of the device that refused it: others may connect.
      const isOut = ({ breakerKey }: ReachableHop): boolean => credential !== undefined && breakerKey === credential;
      const login = [reachable, ...(reachable.bastions ?? [])].find(isOut)?.credential;
      const who = login === undefined ? nobody(name) : `nobody logs in with credential ${login} now`;
      throw new BreakerOpenError(name, waitMs, `${who}, after failures in a row: ${message} (${reason})`, login);
    }
    try {
      const last = known.cryptoProfile === undefined ? {} : { lastCryptoProfile: known.cryptoProfile };
      const session = await open({ ...endpoint, ...last });
      const { cryptoProfile } = session;
      if (known.counted || cryptoProfile !== known.cryptoProfile) {
        await tell(contact, { kind: "reached", ...(cryptoProfile === undefined ? {} : { cryptoProfile }) });
      }
      return session;
    } catch (error) {
      if (!(error instanceof DeviceError) || told.has(error)) throw error;
      told.add(error);
      const end = outcomeOf(reachable, error);
      if (end) await tell(end.contact, end.outcome);
      throw error;
    }
  };
}

function nobody(breaker: string): string {
  const bastion = /^bastion\/(.*)/.exec(breaker)?.[1];
  return bastion === undefined ? "nobody connects now" : `nobody connects through bastion ${bastion} now`;
}

function contactOf({ zone, exclusive, breakerKey, bastions = [] }: ReachableEndpoint): Contact {
  const bastionCredentials = bastions.flatMap((bastion) => bastion.breakerKey ?? []);
  return { zone, endpoint: exclusive, ...named(breakerKey), bastions: bastionKeys({ bastions }), bastionCredentials };
}

function named(credential: string | undefined): Pick<Contact, "credential"> {
  return credential === undefined ? {} : { credential };
}

function outcomeOf(
  endpoint: ReachableEndpoint,
  error: DeviceError,
): { readonly contact: Contact; readonly outcome: ContactOutcome } | undefined {
  const { reason, message, credentialOffered, untried } = error;
  const { bastions = [] } = endpoint;
  const places = bastionKeys(endpoint);
  const failed = failedHost(bastions, error);
  if (reason === "AUTHENTICATION_FAILED" && credentialOffered) {
    const { breakerKey } = bastions[failed] ?? endpoint;
    const { zone, exclusive } = endpoint;
    const contact = { zone, endpoint: exclusive, ...named(breakerKey), bastions: places.slice(0, failed + 1) };
    return { contact, outcome: { kind: "refused", reason, message } };
  }
  if (untried || !unreachable.has(reason)) return undefined;
  const silent = places[failed];
  return {
    contact: { ...contactOf(endpoint), bastions: places.slice(0, failed) },
    outcome: { kind: "unreachable", reason, message, ...(silent === undefined ? {} : { bastion: silent }) },
  };
}

/** Which of the hosts on the way it was, from 0; as many as there are bastions: the device. */
function failedHost(bastions: readonly ReachableHop[], { hop, behindHop }: DeviceError): number {
  const at = bastions.findIndex(({ address, port }) => `${address}:${port}` === hop);
  if (at < 0) return bastions.length;
  return behindHop ? at + 1 : at;
}
