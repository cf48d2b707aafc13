import { setImmediate as turn } from "node:timers/promises";
import type { PlatformCatalogue, PlatformDescription } from "../api/devices/platform-catalogue.js";
import {
  confirmationProblem,
  helpKeyProblem,
  isReadOnly,
  missingConsent,
  parseConfiguration,
  type Platform,
} from "../device/index.js";

/** The platforms as the server knows them: the same definitions that drive the worker's engine. */
export function createPlatformCatalogue(platforms: ReadonlyMap<string, Platform>): PlatformCatalogue {
  return {
    has: (name) => platforms.has(name),
    async describe() {
      const all: PlatformDescription[] = [];
      for (const platform of platforms.values()) {
        all.push(descriptionOf(platform));
        // To read a definition takes hundredths of a second: between two of them others have their turn.
        await turn();
      }
      return all;
    },
    isReadOnly(name, line) {
      const platform = platforms.get(name);
      return platform !== undefined && isReadOnly(platform.readOnly, line);
    },
    lineProblem: (name, line) => helpKeyProblem(platforms.get(name)?.helpKey ?? "", line),
    configurationProblems(name, lines) {
      const rules = platforms.get(name)?.configuration;
      return rules === undefined ? [] : parseConfiguration(rules, lines).problems;
    },
    commands: (name) => platforms.get(name)?.commands,
    configurationLines(name, lines) {
      const rules = platforms.get(name)?.configuration;
      return rules === undefined ? [] : parseConfiguration(rules, lines).lines;
    },
    savingLine: (name) => platforms.get(name)?.configuration?.save?.send,
    missingConsent(name, wish) {
      const rules = platforms.get(name)?.configuration;
      return rules === undefined ? undefined : missingConsent(name, rules, wish);
    },
    confirmationProblem(name, maxSessions) {
      const { configuration, limits } = platforms.get(name) ?? {};
      return configuration && confirmationProblem(name, configuration, maxSessions ?? limits?.maxSessions);
    },
  };
}

function descriptionOf(platform: Platform): PlatformDescription {
  const { name, description, channel, modes, configuration, origin, evidence, commands } = platform;
  return {
    ...{ name, description, channel, evidence },
    origin: origin.file ?? "built_in",
    overridesBuiltIn: origin.overridesBuiltIn,
    ...(origin.loadedAt === undefined ? {} : { loadTime: origin.loadedAt }),
    modes: modes.map((mode) => mode.name),
    deniedCommands: commands.denied.map(({ text }) => text),
    ...(configuration && {
      configuration: {
        evidence: configuration.evidence,
        candidate: configuration.candidate !== undefined,
        ...(configuration.confirmed && { confirmed: configuration.confirmed }),
        ...(configuration.save && { saveEvidence: configuration.save.evidence }),
      },
    }),
  };
}
