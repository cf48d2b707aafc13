import type { AnyAuthMethod, AuthHandlerMiddleware, ParsedKey, Prompt } from "ssh2";
import type { Account } from "./endpoint.js";

/** The order in which an account is offered to a device, and what became of it. */
export interface Authentication {
  /** For ssh2: decides the next method from what the device says it takes. */
  readonly next: AuthHandlerMiddleware;
  /** The agent does not answer, or does not sign: what comes next is tried. */
  agentFailed(): void;
  /** Something that the device counts as a login was sent. */
  readonly offered: boolean;
  /** Why the methods ended without success, in words for people; never with a secret. */
  readonly refusal: string;
}

const passwordLike = /pass(?:word|code|phrase)|\bpin\b/i;

/**
 * Asks the device first what it takes, so that a password is only sent where it is wanted and at most once: as password
 * or as the answer to a single password-like question, never both, because two refusals count twice towards a lock-out.
 * A key is tried before the keys of an agent, and those before a password. `onDeadEnd` is called when a question came
 * that we do not answer.
 */
export function createAuthentication(
  account: Account,
  key: ParsedKey | undefined,
  onDeadEnd: () => void,
): Authentication {
  const { username, password, agent } = account;
  let asked = false;
  let keyUsed = false;
  let agentUsed = false;
  let agentServes = true;
  const unserved = "the SSH agent did not serve the login";
  let passwordUsed = false;
  let questionsWanted = false;
  let refusedUnasked = false;
  let refusal = "the device accepts none of the login methods that the credential has";

  const answer = (prompts: readonly Prompt[], finish: (answers: string[]) => void): void => {
    const [prompt] = prompts;
    if (prompts.length === 0) return finish([]);
    if (prompts.length === 1 && prompt && passwordLike.test(prompt.prompt) && !passwordUsed && password !== undefined) {
      passwordUsed = true;
      refusal = "the device refused the password";
      return finish([password]);
    }
    const texts = prompts.map((one) => one.prompt.trim()).join(" / ");
    if (!passwordUsed) refusal = `the device asked: ${texts.slice(0, 200)}`;
    onDeadEnd();
  };

  const choose = (methods: readonly string[] | null): AnyAuthMethod | false => {
    if (methods === null || !asked) {
      asked = true;
      return { type: "none", username };
    }
    refusedUnasked ||= questionsWanted && !passwordUsed;
    if (key && !keyUsed && methods.includes("publickey")) {
      keyUsed = true;
      refusal = "the device refused the key";
      return { type: "publickey", username, key: key as unknown as Buffer };
    }
    if (agent !== undefined && !agentUsed && methods.includes("publickey")) {
      agentUsed = true;
      refusal = "the device refused every key of the agent";
      return { type: "agent", username, agent };
    }
    if (password !== undefined && !passwordUsed) {
      if (methods.includes("password")) {
        passwordUsed = true;
        refusal = "the device refused the password";
        return { type: "password", username, password };
      }
      // A locked account is often refused before any question, as often as it is asked for.
      if (methods.includes("keyboard-interactive") && !questionsWanted) {
        questionsWanted = true;
        refusal = "the device refused the login without asking for the password";
        return {
          type: "keyboard-interactive",
          username,
          prompt: (_name, _instructions, _language, prompts, finish) => answer(prompts, finish),
        };
      }
    }
    return false;
  };

  return {
    next: (methods: string[] | null) => choose(methods),
    get offered() {
      return keyUsed || (agentUsed && agentServes) || passwordUsed || refusedUnasked;
    },
    get refusal() {
      return agentServes || refusal === unserved ? refusal : `${refusal}; ${unserved}`;
    },
    agentFailed() {
      agentServes = false;
      refusal = unserved;
    },
  };
}
