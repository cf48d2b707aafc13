import { DeviceError } from "./device-error.js";
import type { Account } from "./endpoint.js";
import type { Ask } from "./exchange-request.js";
import type { Question } from "./platform.js";

/** The platform's questions with the account's answers. A secret that the account lacks is PRIVILEGE_DENIED. */
export function questionsToAsks(questions: readonly Question[], account: Account): Ask[] {
  const secrets = { username: account.username, password: account.password, enable: account.enableSecret };
  return questions.map(({ match, answer, isKey }) => ({
    matches: (line) => match.test(line),
    isKey,
    hidden: "secret" in answer && answer.secret !== "username",
    answer() {
      if ("text" in answer) return answer.text;
      const secret = secrets[answer.secret];
      if (secret !== undefined) return secret;
      const reason = answer.secret === "enable" ? "PRIVILEGE_DENIED" : "AUTHENTICATION_FAILED";
      throw new DeviceError(reason, `the device asks for the ${answer.secret} secret and the credential has none`);
    },
  }));
}
