import ssh2, { type AuthContext, type AuthenticationType, type PublicKeyAuthContext } from "ssh2";
import type { DeviceState } from "./device-state.js";
import type { JournalKind } from "./journal.js";
import type { LoginMethod, SimulatedUser } from "./simulated-device.js";

const MAX_ATTEMPTS = 3;

/** Decides the authentication attempts of one connection; after three refused ones it calls `end`. */
export function createLogin(
  device: DeviceState,
  record: (kind: JournalKind, mode: string, line: string) => void,
  end: () => void,
): (attempt: AuthContext, username: string, accepted: (user: SimulatedUser) => void) => void {
  const methods = methodsOf(device);
  let refused = 0;

  return (attempt, username, accepted) => {
    const user = device.definition.users.find((candidate) => candidate.username === username);
    const decide = (good: boolean): void => {
      const welcome = good && user !== undefined && !device.faults.current.refuseLogin;
      record("auth", "", `${attempt.method} ${welcome ? "accepted" : "refused"}`);
      if (welcome) {
        accepted(user);
        return attempt.accept();
      }
      attempt.reject(methods as AuthenticationType[]);
      if (++refused >= MAX_ATTEMPTS) end();
    };
    if (!methods.includes(attempt.method as LoginMethod)) return attempt.reject(methods as AuthenticationType[]);
    if (attempt.method === "password") return decide(matches(user, attempt.password));
    if (attempt.method === "keyboard-interactive") {
      attempt.prompt([{ prompt: "Password: ", echo: false }], (answers) => decide(matches(user, answers?.[0])));
      return;
    }
    if (attempt.method === "publickey") {
      const known = knows(user, attempt) && !device.faults.current.refuseLogin;
      // Without a signature the client only asks whether the key would do.
      if (attempt.signature) decide(known && verifies(attempt));
      else if (known) attempt.accept();
      else decide(false);
    }
  };
}

function methodsOf(device: DeviceState): readonly LoginMethod[] {
  const { methods, users } = device.definition;
  if (methods) return methods;
  const usable: LoginMethod[] = [];
  if (users.some(({ publicKeys }) => publicKeys && publicKeys.length > 0)) usable.push("publickey");
  if (users.some(({ password }) => password !== undefined)) usable.push("password", "keyboard-interactive");
  return usable;
}

function matches(user: SimulatedUser | undefined, password: string | undefined): boolean {
  return user?.password !== undefined && user.password === password;
}

function knows(user: SimulatedUser | undefined, { key }: PublicKeyAuthContext): boolean {
  const offered = key.data.toString("base64");
  return user?.publicKeys?.some((line) => line.split(" ")[1] === offered) ?? false;
}

function verifies({ key, blob, signature, hashAlgo }: PublicKeyAuthContext): boolean {
  if (!blob || !signature) return false;
  const parsed = ssh2.utils.parseKey(key.data);
  return !(parsed instanceof Error) && parsed.verify(blob, signature, hashAlgo) === true;
}
