import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { JobResultSchema } from "@pointsman/sdk/v1";
import type { AttemptContext, Executed } from "./attempt-context.js";

/** Connects, logs in, finds the prompt and reports what it saw. The session is its own, not one of the pool's. */
export async function runProbe(context: AttemptContext): Promise<Executed> {
  const nothing = { confirmedStep: 0, intendedStep: 0, steps: 0, changed: false };
  try {
    const { timings, prompt, loginMode, hostKey, remoteVersion } = await context.checkout({ fresh: true });
    const value = {
      loginDuration: durationFromMs(Math.round(timings.connectMs + timings.authMs)),
      promptDuration: durationFromMs(Math.round(timings.loginMs)),
      prompt,
      mode: loginMode,
      hostKeyType: hostKey.type,
      hostKeyFingerprint: hostKey.fingerprint,
      remoteVersion,
    };
    const message = create(JobResultSchema, { result: { case: "probe", value } });
    return { ...nothing, result: toBinary(JobResultSchema, message) };
  } catch (error) {
    return { ...nothing, result: toBinary(JobResultSchema, create(JobResultSchema)), error };
  }
}
