import { mutants, plant, simulateIn } from "./mutant.js";

// `npm run mutants -- NAME --seeds N --from S`: in which worlds a mutant breaks a promise.
const [name, ...args] = process.argv.slice(2);
const mutant = mutants().find((one) => one.name === name);
if (!mutant) {
  const names = mutants().map((one) => one.name);
  process.stderr.write(`which mutant? ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const tree = await plant(mutant);
  const { output } = await simulateIn(tree, args).finally(tree.remove);
  process.stdout.write(output);
}
