import { expect, test } from "vitest";
import { mutants, plant, simulateIn } from "./mutant.js";

// A test that cannot fail proves nothing: what each mechanism is for is shown by taking it away.
test.each(mutants())("without it a promise is broken: $name", { timeout: 600_000 }, async (mutant) => {
  expect(mutant.seeds !== undefined || mutant.tests.length > 0).toBe(true);
  const tree = await plant(mutant);
  try {
    if (mutant.seeds) {
      const [first, last] = mutant.seeds;
      const seeds = ["--from", String(first), "--seeds", String(last - first + 1), "--until-bad"];
      expect((await simulateIn(tree, seeds)).output).toMatch(/seed \d+ broke a promise/);
    }
    for (const { file, name } of mutant.tests) {
      const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/mutants/vitest.config.ts"];
      const { ok, output } = await tree.run(process.execPath, [...vitest, file, "-t", name]);
      expect(ok, output).toBe(false);
      expect(output).toMatch(/Tests .*\d+ failed/);
    }
  } finally {
    tree.remove();
  }
});
