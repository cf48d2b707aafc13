import fc from "fast-check";

/** Which random cases are drawn: where this is set, everything that draws them draws the same each time. */
const seed = process.env["MODEL_SEED"];
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
