import { appendFileSync, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readOptions, usage } from "./lib/options.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line = "") => process.stdout.write(`${line}\n`);

/** Tables and verdicts of earlier runs. */
async function tellAgain({ from, markdown }) {
  const { gatherResults } = await import("./lib/gathered.mjs");
  const { judge } = await import("./lib/budgets.mjs");
  const { describeScenario, describeVerdict, markdownOf, writeBetweenMarks } = await import("./lib/report.mjs");
  const { scenarios } = await import("./scenarios/all.mjs");
  const tables = [];
  for (const [fsync, { machine, results }] of gatherResults(from)) {
    const done = new Map(scenarios.filter(({ name }) => results.has(name)).map((one) => [one, results.get(one.name)]));
    const verdicts = judge(results);
    say(`\nappendfsync ${fsync} · commit ${machine.commit} · load ${machine.load}`);
    for (const [scenario, sides] of done) for (const line of describeScenario(scenario, sides)) say(line);
    say("\nBudgets");
    for (const verdict of verdicts) say(describeVerdict(verdict));
    tables.push(markdownOf(machine, fsync, done, verdicts));
  }
  if (markdown) writeBetweenMarks(markdown, tables.join("\n\n"));
}

function stop(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

let options;
try {
  options = readOptions(process.argv.slice(2), root);
} catch (error) {
  stop(`${error.message}\n\n${usage}`);
}
if (options.help) {
  say(usage);
  process.exit(0);
}
if (options.from) {
  await tellAgain(options);
  process.exit(0);
}
if (!existsSync(`${root}/bench/node_modules/bullmq`)) stop("The peers are missing: run `npm install` in bench/.");
if (!existsSync(`${options.dist}/store/redis-store.js`))
  stop(`Nothing compiled in ${options.dist}: run \`npm run build\`.`);

const { createBench } = await import("./lib/bench.mjs");
const { judge } = await import("./lib/budgets.mjs");
const { describeMachine, load } = await import("./lib/machine.mjs");
const { describeScenario, describeVerdict, markdownOf, writeBetweenMarks } = await import("./lib/report.mjs");
const { startServer } = await import("./lib/server.mjs");
const { scenarios } = await import("./scenarios/all.mjs");

if (options.list) {
  for (const { name, title } of scenarios) say(`${name.padEnd(20)} ${title}`);
  process.exit(0);
}
for (const name of options.only ?? []) {
  if (!scenarios.some((scenario) => scenario.name === name)) stop(`--only: no scenario ${name}; see --list`);
}
const chosen = scenarios.filter(({ name, full }) =>
  options.only ? options.only.includes(name) : !(full && options.quick),
);
const dist = (path) => import(pathToFileURL(resolve(options.dist, path)).href);
const sdk = (path) => import(pathToFileURL(`${root}/sdk/dist/${path}`).href);
const tables = [];
let held = true;

for (const fsync of options.fsync) {
  const server = await startServer(dist, fsync, options.pin);
  const machine = describeMachine(root, options.dist, await server.version());
  say(
    `\nappendfsync ${fsync} · ${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(" · ")}`,
  );
  if (machine.load > 0.3)
    say("The machine is not quiet: read the spreads, and trust counts and ratios more than rates.");
  const bench = createBench({ server, dist, distDir: resolve(options.dist), sdk, quick: options.quick });
  if (chosen.some(({ withoutStore }) => !withoutStore)) await bench.warmUp();
  const done = new Map();
  for (const scenario of chosen) {
    if (scenario.withoutStore && fsync !== options.fsync[0]) continue;
    const results = await scenario.run(bench.for(scenario));
    if (!results) {
      say(`${scenario.title}\n  not measured: the peer is not installed`);
      continue;
    }
    done.set(scenario, results);
    for (const line of describeScenario(scenario, results)) say(line);
    for (const [side, { numbers, broken, remarks }] of results) {
      const failed = broken.size > 0;
      held &&= !failed;
      const record = {
        ...machine,
        fsync,
        quick: options.quick,
        scenario: scenario.name,
        side,
        load: load(),
        remarks: [...remarks],
      };
      appendFileSync(
        options.json,
        `${JSON.stringify({ ...record, ...(failed ? { FAIL: [...broken] } : { numbers }) })}\n`,
      );
    }
  }
  await server.close();
  const verdicts = judge(new Map([...done].map(([{ name }, results]) => [name, results])));
  say("\nBudgets");
  for (const verdict of verdicts) {
    say(describeVerdict(verdict));
    appendFileSync(options.json, `${JSON.stringify({ ...machine, fsync, quick: options.quick, budget: verdict })}\n`);
  }
  tables.push(markdownOf(machine, fsync, done, verdicts));
}
if (options.markdown) writeBetweenMarks(options.markdown, tables.join("\n\n"));
// A budget that is missed is a finding; an invariant that broke is a defect.
process.exit(held ? 0 : 1);
