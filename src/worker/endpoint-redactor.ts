import { createRedactor, type Endpoint, type Redactor } from "../device/index.js";

/** Takes out what a device shows of secrets, and those of the login. */
export function redactorOf({ platform, account }: Pick<Endpoint, "platform" | "account">): Redactor {
  const { password, privateKey, passphrase, enableSecret } = account;
  return createRedactor(platform.secrets, [password, privateKey, passphrase, enableSecret]);
}
