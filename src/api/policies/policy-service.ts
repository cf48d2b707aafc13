import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type ChangeTimes,
  CommandAction,
  type PolicyScope as PolicyScopeMessage,
  type PolicyService,
} from "@pointsman/sdk/v1";
import { type Calendar, CronProblem } from "../../domain/calendar.js";
import type { RecurringTimes } from "../../domain/closed-times.js";
import { parseCommandPattern } from "../../domain/command-words.js";
import type { PolicyScope } from "../../domain/policy.js";
import { type FieldProblem, invalidRequest } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { principalKey } from "../calls/call-context.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";
import { commandRuleMessage, freezeMessage, stopMessage, windowMessage } from "./policy-view.js";

/** What the service needs. */
export interface PolicyServiceParts {
  readonly store: Pick<Store, "policies" | "devices" | "zones" | "schedules">;
  readonly calendar: Calendar;
  readonly platforms: Pick<PlatformCatalogue, "has">;
}

/** Patterns that name commands. INVALID_REQUEST. */
function checkPatterns(fields: Readonly<Record<string, readonly string[]>>): void {
  const bad = Object.entries(fields).flatMap(([field, patterns]) =>
    patterns.flatMap((pattern, i) => {
      try {
        parseCommandPattern(pattern);
        return [];
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return [{ field: `${field}[${i}]`, description: error.message }];
      }
    }),
  );
  if (bad.length > 0) throw invalidRequest(...bad);
}

/** Says when changes may be made, and which commands are sent. */
export function createPolicyService(parts: PolicyServiceParts): ServiceImpl<typeof PolicyService> {
  const { store, calendar, platforms } = parts;
  const { policies } = store;
  /** By the clock that says whether changes may start: ours may be ahead, or behind. */
  const now = (): Promise<number> => store.schedules.now();
  const caller = (context: HandlerContext): string => context.values.get(principalKey).name;

  /** A scope of what there is: a name that was mistyped would leave its device open. */
  async function checkedScope(field: string, message: PolicyScopeMessage | undefined): Promise<PolicyScope> {
    const { zones = [], devices = [], labels = {} } = message ?? {};
    const [known, found] = await Promise.all([store.zones(), store.devices.getMany(devices)]);
    const bad: FieldProblem[] = [];
    zones.forEach((zone, i) => {
      if (!known.has(zone))
        bad.push({ field: `${field}.zones[${i}]`, description: `no worker or device is in a zone ${zone}` });
    });
    devices.forEach((name, i) => {
      if (!found[i]) bad.push({ field: `${field}.devices[${i}]`, description: `no device ${name}` });
    });
    if (bad.length > 0) throw invalidRequest(...bad);
    return { zones, devices, labels };
  }

  function checkedTimes(times: readonly ChangeTimes[]): RecurringTimes[] {
    const bad: FieldProblem[] = [];
    const read = times.map(({ cron, duration, timeZone }, i) => {
      const field = `window.times[${i}]`;
      try {
        calendar.cron(cron);
      } catch (error) {
        if (!(error instanceof CronProblem)) throw error;
        bad.push({ field: `${field}.cron`, description: error.message });
      }
      const zone = timeZone || "UTC";
      if (!calendar.zone(zone)) bad.push({ field: `${field}.time_zone`, description: `no time zone ${zone}` });
      return { cron, durationMs: durationMs(duration!), timeZone: zone };
    });
    if (bad.length > 0) throw invalidRequest(...bad);
    return read;
  }

  function checkPlatforms(named: readonly string[]): void {
    const bad = named.flatMap((name, i) =>
      platforms.has(name)
        ? []
        : [{ field: `rule.platforms[${i}]`, description: `no platform ${name}; ListPlatforms names those there are` }],
    );
    if (bad.length > 0) throw invalidRequest(...bad);
  }

  return {
    async createFreeze({ freeze }, context) {
      const { name, scope, startTime, endTime, reason } = freeze!;
      const nowMs = await now();
      const startMs = startTime ? timestampMs(startTime) : nowMs;
      const endMs = endTime && timestampMs(endTime);
      if (endMs !== undefined && (endMs <= startMs || endMs <= nowMs)) {
        throw invalidRequest({ field: "freeze.end_time", description: "must come after the start, and after now" });
      }
      const made = await policies.create("freeze", {
        ...{ name, reason, owner: caller(context), startMs },
        scope: await checkedScope("freeze.scope", scope),
        ...(endMs === undefined ? {} : { endMs }),
      });
      return { freeze: freezeMessage(made, nowMs) };
    },
    async listFreezes() {
      const [freezes, nowMs] = await Promise.all([policies.list("freeze"), now()]);
      return { freezes: freezes.map((freeze) => freezeMessage(freeze, nowMs)) };
    },
    async deleteFreeze({ name }) {
      await policies.remove("freeze", name);
      return {};
    },

    async createChangeWindow({ window }, context) {
      const { name, scope, times, reason } = window!;
      const made = await policies.create("window", {
        ...{ name, reason, owner: caller(context) },
        times: checkedTimes(times),
        scope: await checkedScope("window.scope", scope),
      });
      return { window: windowMessage(calendar, made, await now()) };
    },
    async listChangeWindows() {
      const [windows, nowMs] = await Promise.all([policies.list("window"), now()]);
      return { windows: windows.map((window) => windowMessage(calendar, window, nowMs)) };
    },
    async deleteChangeWindow({ name }) {
      await policies.remove("window", name);
      return {};
    },

    async createCommandRule({ rule }, context) {
      const { name, action, patterns, except, scope, platforms: named, callers, reason } = rule!;
      checkPatterns({ "rule.patterns": patterns, "rule.except": except });
      checkPlatforms(named);
      const made = await policies.create("rule", {
        ...{ name, reason, patterns, except, callers, platforms: named, owner: caller(context) },
        action: action === CommandAction.ALLOW ? "ALLOW" : "DENY",
        scope: await checkedScope("rule.scope", scope),
      });
      return { rule: commandRuleMessage(made) };
    },
    async listCommandRules() {
      return { rules: (await policies.list("rule")).map(commandRuleMessage) };
    },
    async deleteCommandRule({ name }) {
      await policies.remove("rule", name);
      return {};
    },

    async stopChanges({ reason }, context) {
      return { stop: stopMessage(await policies.stop({ owner: caller(context), reason })) };
    },
    async allowChanges() {
      const lifted = await policies.allow();
      return lifted ? { lifted: stopMessage(lifted) } : {};
    },
    async getChangeStop() {
      const stop = await policies.stopped();
      return stop ? { stop: stopMessage(stop) } : {};
    },
  };
}
