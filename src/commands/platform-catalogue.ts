import type { PlatformCatalogue } from "../api/devices/platform-catalogue.js";
import { helpKeyProblem, isReadOnly, missingConsent, parseConfiguration, type Platform } from "../device/index.js";

/** The platforms as the server knows them: the same definitions that drive the worker's engine. */
export function createPlatformCatalogue(platforms: ReadonlyMap<string, Platform>): PlatformCatalogue {
  return {
    names: () => [...platforms.keys()],
    has: (name) => platforms.has(name),
    describe: () =>
      [...platforms.values()].map(
        ({ name, description, channel, modes, configuration, origin, evidence, commands }) => ({
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
        }),
      ),
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
  };
}
