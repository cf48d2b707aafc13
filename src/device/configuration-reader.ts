import type { ConfigurationRules, ConfigurationStep, Evidence } from "./configuration-rules.js";
import type { Reader } from "./definition-reader.js";

const evidences: readonly Evidence[] = ["real_cli", "recorded", "documents"];

/** Reads the `configure` part of a definition. Throws a DefinitionError that names the field. */
export function readConfiguration(reader: Reader, modes: readonly string[]): ConfigurationRules {
  const fields = reader.object(
    "evidence",
    "base",
    "mode",
    "enter",
    "leave",
    "running",
    "save",
    "candidate",
    "confirmed",
    "errors",
    "comment",
    "refused",
    "blocks",
    "ignore",
    "sections",
    "single",
  );
  const candidate = fields.candidate.object("diff", "check", "commit", "discard");
  const confirmed = fields.confirmed.object(
    ...(["evidence", "enter", "commit", "confirm", "revert", "session", "min_seconds", "max_seconds"] as const),
  );
  const isCandidate = !fields.candidate.absent;
  if (!fields.confirmed.absent && (isCandidate ? confirmed.commit.absent : confirmed.enter.absent)) {
    fields.confirmed.fail(isCandidate ? "a candidate needs `commit`" : "without a candidate it needs `enter`");
  }
  const save = fields.save.object("evidence", "send", "answers");
  return {
    evidence: fields.evidence.oneOf(evidences),
    base: fields.base.oneOf(modes),
    mode: fields.mode.oneOf(modes),
    enter: readStep(fields.enter),
    leave: readStep(fields.leave),
    running: readStep(fields.running),
    save: fields.save.absent
      ? undefined
      : { send: save.send.text(), answers: readAnswers(save.answers), evidence: save.evidence.oneOf(evidences) },
    candidate: isCandidate
      ? {
          diff: readStep(candidate.diff),
          check: candidate.check.absent ? undefined : readStep(candidate.check),
          commit: readStep(candidate.commit),
          discard: readStep(candidate.discard),
        }
      : undefined,
    confirmed: fields.confirmed.absent
      ? undefined
      : {
          evidence: confirmed.evidence.oneOf(evidences),
          enter: confirmed.enter.absent ? undefined : readStep(confirmed.enter),
          commit: confirmed.commit.absent ? undefined : readStep(confirmed.commit),
          confirm: readStep(confirmed.confirm),
          revert: readStep(confirmed.revert),
          session: confirmed.session.oneOf(["new", "same"]),
          minSeconds: confirmed.min_seconds.count(),
          maxSeconds: confirmed.max_seconds.count(),
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
    single: fields.single.absent ? undefined : fields.single.pattern(["stem"]),
  };
}

function readStep(reader: Reader): ConfigurationStep {
  const fields = reader.object("send", "answers");
  return { send: fields.send.text(), answers: readAnswers(fields.answers) };
}

function readAnswers(reader: Reader): ConfigurationStep["answers"] {
  return reader.list((item) => {
    const { question, answer } = item.object("question", "answer");
    return { question: question.text(), answer: answer.text() };
  });
}
