import { parseArgs } from "node:util";

export const usage = `node bench/run.mjs [--quick] [--only name,…] [--fsync always,everysec,no] [--json FILE] [--markdown FILE] [--dist DIR] [--pin] [--list] [--from FILE,…]

  --quick     small sizes and few rounds: minutes become seconds, spreads grow
  --only      these scenarios alone (see --list)
  --fsync     what Redis does with its log, one run for each: always, everysec, or no (no log). Default: always,everysec; with --quick everysec
  --json      where the results go, one JSON object a line. Default: bench/results.jsonl, appended
  --markdown  writes the table, with date and commit, between the marks in this file
  --dist      the compiled service to measure. Default: dist beside bench
  --pin       Redis on the first core, everything else on the second
  --from      measures nothing: judges what --json of earlier runs has written, the latest of each scenario, as one run`;

/** The command line, checked. Throws one line that says what is wrong. */
export function readOptions(argv, root) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      fsync: { type: "string" },
      json: { type: "string" },
      markdown: { type: "string" },
      dist: { type: "string" },
      pin: { type: "boolean", default: false },
      from: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const fsync = (values.fsync ?? (values.quick ? "everysec" : "always,everysec")).split(",");
  for (const mode of fsync) {
    if (!["always", "everysec", "no"].includes(mode)) throw new Error(`--fsync: always, everysec or no, not ${mode}`);
  }
  return {
    ...values,
    only: values.only?.split(","),
    from: values.from?.split(","),
    fsync,
    json: values.json ?? `${root}/bench/results.jsonl`,
    dist: values.dist ?? `${root}/dist`,
  };
}
