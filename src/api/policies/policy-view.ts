import { create } from "@bufbuild/protobuf";
import { durationFromMs, type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ChangeStop,
  ChangeStopSchema,
  type ChangeWindow,
  ChangeWindowSchema,
  CommandAction,
  type CommandRule as CommandRuleMessage,
  CommandRuleSchema,
  type Freeze,
  FreezeSchema,
} from "@pointsman/sdk/v1";
import type { Calendar } from "../../domain/calendar.js";
import { closedTimes, nextSpan, spanAt } from "../../domain/closed-times.js";
import type { CommandRule } from "../../domain/command-rules.js";
import type * as domain from "../../domain/policies.js";
import type { PolicyScope } from "../../domain/policy.js";

/** A freeze as the contract says it, at a moment. */
export function freezeMessage(freeze: domain.Freeze, nowMs: number): Freeze {
  const { name, scope, startMs, endMs, reason, owner, createMs } = freeze;
  return create(FreezeSchema, {
    ...{ name, scope: scopeInit(scope), reason, owner },
    startTime: timestampFromMs(startMs),
    ...optionalTime("endTime", endMs),
    createTime: timestampFromMs(createMs),
    active: startMs <= nowMs && (endMs === undefined || nowMs < endMs),
  });
}

/** A change window as the contract says it, at a moment. */
export function windowMessage(calendar: Calendar, window: domain.ChangeWindow, nowMs: number): ChangeWindow {
  const { name, scope, times, reason, owner, createMs } = window;
  const closed = closedTimes(calendar, times, nowMs);
  const span = spanAt(closed, nowMs);
  return create(ChangeWindowSchema, {
    ...{ name, scope: scopeInit(scope), reason, owner },
    times: times.map(({ cron, durationMs, timeZone }) => ({ cron, timeZone, duration: durationFromMs(durationMs) })),
    createTime: timestampFromMs(createMs),
    open: span === undefined,
    ...optionalTime("turnTime", span ? span.toMs : nextSpan(closed, nowMs)),
  });
}

/** A command rule as the contract says it. */
export function commandRuleMessage(rule: CommandRule): CommandRuleMessage {
  const { name, action, patterns, except, scope, platforms, callers, reason, owner, createMs } = rule;
  return create(CommandRuleSchema, {
    ...{ name, action: CommandAction[action], scope: scopeInit(scope), reason, owner },
    ...{ patterns: [...patterns], except: [...except], platforms: [...platforms], callers: [...callers] },
    createTime: timestampFromMs(createMs),
  });
}

/** A stop of changes as the contract says it. */
export function stopMessage({ owner, reason, createMs }: domain.ChangeStop): ChangeStop {
  return create(ChangeStopSchema, { owner, reason, time: timestampFromMs(createMs) });
}

function scopeInit({ zones, devices, labels }: PolicyScope) {
  return { zones: [...zones], devices: [...devices], labels: { ...labels } };
}

function optionalTime<Name extends string>(name: Name, ms: number | undefined): { [K in Name]?: Timestamp } {
  return (ms === undefined ? {} : { [name]: timestampFromMs(ms) }) as { [K in Name]?: Timestamp };
}
