import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { PlatformSchema } from "@pointsman/sdk/v1";
import type { PlatformDescription } from "./platform-catalogue.js";

/** A platform, as the contract says it. */
export function platformMessage(platform: PlatformDescription): MessageInitShape<typeof PlatformSchema> {
  const { name, description, modes, channel, configuration } = platform;
  if (configuration === undefined) return { name, description, modes: [...modes], channel };
  const { evidence, candidate, confirmed, saveEvidence = "" } = configuration;
  return {
    ...{ name, description, modes: [...modes], channel },
    configuration: {
      evidence,
      candidate,
      ...(confirmed && {
        confirmEvidence: confirmed.evidence,
        minConfirmTimeout: durationFromMs(confirmed.minSeconds * 1000),
        maxConfirmTimeout: durationFromMs(confirmed.maxSeconds * 1000),
      }),
      saveEvidence,
    },
  };
}
