import type { Clock } from "../domain/clock.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import { type Bastions, createBastions, type Tunnel } from "./bastions.js";
import { DeviceError } from "./device-error.js";
import type { Endpoint, Hop } from "./endpoint.js";
import { openExec, openShell } from "./ssh-channel.js";
import { logIn, type LoggedIn, type LogInOptions } from "./ssh-login.js";
import type { Transport, TransportFactory } from "./transport.js";

const goodbyeMs = 2_000;

/** Connections to devices over SSH, and those to the bastions in between, which devices share. */
export interface SshConnector {
  readonly connect: TransportFactory;
  /** The bastions that are connected now. */
  readonly bastions: Bastions;
}

/**
 * A connector without any connection yet; a process has one. `connect` rejects with a DeviceError; by then the connection
 * is gone. No login is repeated: a refused one is for a person to repeat.
 */
export function createSshConnector(clock: Clock): SshConnector {
  const bastions = createBastions({ clock, logIn: logInAsItTakes });
  return { bastions, connect: (endpoint, context) => connectThrough(bastions, endpoint, context) };
}

async function connectThrough(
  bastions: Bastions,
  endpoint: Endpoint,
  { clock, signal }: Parameters<TransportFactory>[1],
): Promise<Transport> {
  const { account, platform } = endpoint;
  const hop: Hop = { ...endpoint, account: { ...account, username: account.username + platform.userSuffix } };
  const chain = endpoint.bastions ?? [];
  if (chain.length === 0) return createSshTransport(await logInAsItTakes(hop, { clock, signal }), clock);
  let tunnel: Tunnel | undefined;
  try {
    const loggedIn = await logInAsItTakes(hop, {
      ...{ clock, signal },
      over: async () => (tunnel = await bastions.tunnel(chain, hop, signal)).stream,
    });
    loggedIn.onGone(() => tunnel?.release());
    return createSshTransport(loggedIn, clock, tunnel?.newHostKeys);
  } catch (error) {
    tunnel?.release();
    throw error;
  }
}

/** How to log in where the profile may have to be found out. */
interface LogInHow extends Pick<LogInOptions, "clock" | "signal"> {
  /** Opens a way there, again for each try. Default: directly. */
  readonly over?: (() => Promise<NonNullable<LogInOptions["over"]>>) | undefined;
}

/** Logs in with the profile that was chosen; else with the best that the server can do. */
async function logInAsItTakes(hop: Hop, { clock, signal, over }: LogInHow): Promise<LoggedIn> {
  const attempt = async (profile: CryptoProfile): Promise<LoggedIn> =>
    logIn(hop, { clock, signal, profile, over: over && (await over()) });
  if (hop.cryptoProfile !== undefined) return attempt(hop.cryptoProfile);
  if (hop.lastCryptoProfile === "legacy") return attempt("legacy");
  try {
    return await attempt("compat");
  } catch (error) {
    if (!(error instanceof DeviceError) || error.reason !== "KEX_MISMATCH" || error.hop !== undefined) throw error;
    return attempt("legacy");
  }
}

function createSshTransport(
  loggedIn: LoggedIn,
  clock: Clock,
  newBastionKeys: Transport["newBastionKeys"] = [],
): Transport {
  const { client, stream, hostKey, hostKeyIsNew, remoteVersion, cryptoProfile, connectMs, authMs } = loggedIn;
  let gone: DeviceError | undefined;
  let leaving = false;
  let listeners: ((error: DeviceError) => void)[] = [];
  const onClose = (listener: (error: DeviceError) => void): void => {
    if (gone) listener(gone);
    else listeners.push(listener);
  };
  loggedIn.onGone((error) => {
    const why = error ? `the connection was lost: ${error.message}` : "the device closed the connection";
    gone = new DeviceError("DISCONNECTED", leaving ? "the connection was closed" : why, { cause: error });
    for (const listener of listeners) listener(gone);
    listeners = [];
  });
  return {
    ...{ hostKey, hostKeyIsNew, remoteVersion, cryptoProfile, connectMs, authMs, newBastionKeys },
    get closed() {
      return gone !== undefined;
    },
    openShell: (columns, rows) => openShell(client, columns, rows, () => gone),
    exec: (command) => openExec(client, command, () => gone),
    onClose,
    close() {
      return new Promise((resolve) => {
        if (gone) return resolve();
        leaving = true;
        const cancel = clock.timer(goodbyeMs, () => {
          stream.destroy();
          resolve();
        });
        onClose(() => {
          cancel();
          resolve();
        });
        client.end();
      });
    },
  };
}
