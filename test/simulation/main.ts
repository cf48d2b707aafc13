import { runSeeds } from "./run-seeds.js";

process.exitCode = await runSeeds(process.argv.slice(2));
