import type { ConfigurationRules, ConfigurationStep, Evidence } from "./configuration-rules.js";
import type { Reader } from "./definition-reader.js";

/** What a claim may rest on. */
export const evidences: readonly Evidence[] = ["real_cli", "recorded", "documents"];

/** Reads the `configure` part of a definition. Throws a DefinitionError that names the field. */
export function readConfiguration(reader: Reader, modes: readonly string[], helpKey: string): ConfigurationRules {
  const fields = reader.object(
    "evidence",
    "base",
    "mode",
    "ready",
    "enter",
    "leave",
    "running",
    "flat",
    "negate",
    "up",
    "save",
    "candidate",
    "confirmed",
    "errors",
    "comment",
    "refused",
    "blocks",
    "ignore",
    "sections",
    "lasting",
    "bare",
    "single",
  );
  const candidate = fields.candidate.object("diff", "check", "commit", "discard", "empty");
  const confirmed = fields.confirmed.object(
    ...(["evidence", "enter", "arm", "commit", "confirm", "revert", "reboots", "session"] as const),
    ...(["min_seconds", "max_seconds"] as const),
  );
  const isCandidate = !fields.candidate.absent;
  const starts = isCandidate ? confirmed.commit : confirmed.enter.absent ? confirmed.arm : confirmed.enter;
  if (!fields.confirmed.absent && starts.absent) {
    fields.confirmed.fail(isCandidate ? "a candidate needs `commit`" : "without a candidate it needs `enter` or `arm`");
  }
  const step = (field: Reader): ConfigurationStep => readStep(field, modes);
  const stepOrNone = (field: Reader): ConfigurationStep | undefined => (field.absent ? undefined : step(field));
  return {
    evidence: fields.evidence.oneOf(evidences),
    helpKey,
    base: fields.base.oneOf(modes),
    mode: fields.mode.oneOf(modes),
    ready: stepOrNone(fields.ready),
    enter: step(fields.enter),
    leave: step(fields.leave),
    running: step(fields.running),
    flat: fields.flat.absent ? undefined : readFlat(fields.flat, modes),
    negate: fields.negate.absent ? undefined : fields.negate.text(),
    up: fields.up.absent ? undefined : fields.up.text(),
    save: fields.save.absent ? undefined : readSave(fields.save, modes),
    candidate: isCandidate
      ? {
          diff: step(candidate.diff),
          check: stepOrNone(candidate.check),
          commit: step(candidate.commit),
          discard: step(candidate.discard),
          empty: stepOrNone(candidate.empty),
        }
      : undefined,
    confirmed: fields.confirmed.absent
      ? undefined
      : {
          evidence: confirmed.evidence.oneOf(evidences),
          enter: stepOrNone(confirmed.enter),
          arm: stepOrNone(confirmed.arm),
          commit: stepOrNone(confirmed.commit),
          confirm: step(confirmed.confirm),
          revert: stepOrNone(confirmed.revert),
          reboots: confirmed.reboots.flag(false),
          session: confirmed.session.oneOf(["new", "same"]),
          minSeconds: confirmed.min_seconds.count(),
          maxSeconds: confirmed.max_seconds.count(undefined, confirmed.min_seconds.count()),
        },
    errors: fields.errors.anyPattern(),
    comment: fields.comment.absent ? undefined : fields.comment.pattern(),
    refused: fields.refused.anyPattern(),
    blocks: fields.blocks.list((item) => {
      const block = item.object("start", "invite", "end");
      const start = block.start.pattern();
      if (block.end.absent) block.start.pattern(["delimiter"]);
      return { start, invite: block.invite.pattern(), end: block.end.absent ? undefined : block.end.pattern() };
    }),
    ignore: fields.ignore.anyPattern(),
    sections: fields.sections.anyPattern(),
    lasting: fields.lasting.absent ? undefined : fields.lasting.pattern(),
    bare: fields.bare.absent ? undefined : fields.bare.pattern(["stem"]),
    single: fields.single.absent ? undefined : fields.single.pattern(["stem"]),
  };
}

const stepFields = ["send", "mode", "answers", "expect"] as const;
type StepFields = Readonly<Record<(typeof stepFields)[number], Reader>>;

function readStep(reader: Reader, modes: readonly string[]): ConfigurationStep {
  return stepOf(reader.object(...stepFields), modes);
}

function readSave(reader: Reader, modes: readonly string[]): ConfigurationRules["save"] {
  const fields = reader.object("evidence", ...stepFields);
  return { ...stepOf(fields, modes), evidence: fields.evidence.oneOf(evidences) };
}

function readFlat(reader: Reader, modes: readonly string[]): ConfigurationRules["flat"] {
  const fields = reader.object(...stepFields, "set", "delete");
  return { ...stepOf(fields, modes), set: fields.set.text(), delete: fields.delete.text() };
}

function stepOf({ send, mode, answers, expect }: StepFields, modes: readonly string[]): ConfigurationStep {
  return {
    send: send.text(),
    mode: mode.absent ? undefined : mode.oneOf(modes),
    answers: readAnswers(answers),
    expect: expect.absent ? undefined : expect.pattern(),
  };
}

function readAnswers(reader: Reader): ConfigurationStep["answers"] {
  return reader.list((item) => {
    const { question, answer } = item.object("question", "answer");
    return { question: question.text(), answer: answer.text() };
  });
}
