import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { PlatformSchema } from "@pointsman/sdk/v1";
import type { PlatformDescription } from "./platform-catalogue.js";

/** A platform, as the contract says it. */
export function platformMessage(platform: PlatformDescription): MessageInitShape<typeof PlatformSchema> {
  const { name, description, modes, channel, configuration, origin, overridesBuiltIn, evidence, loadTime } = platform;
  const deniedCommands = [...platform.deniedCommands];
  const known = {
    ...{ name, description, modes: [...modes], channel, origin, overridesBuiltIn, evidence, deniedCommands },
    ...(loadTime === undefined ? {} : { loadTime: timestampFromMs(loadTime) }),
  };
  if (configuration === undefined) return known;
  const { candidate, confirmed, saveEvidence = "" } = configuration;
  return {
    ...known,
    configuration: {
      evidence: configuration.evidence,
      candidate,
      ...(confirmed && {
        confirmEvidence: confirmed.evidence,
        minConfirmTimeout: durationFromMs(confirmed.minSeconds * 1000),
        maxConfirmTimeout: durationFromMs(confirmed.maxSeconds * 1000),
        confirmReboots: confirmed.reboots,
      }),
      saveEvidence,
    },
  };
}
