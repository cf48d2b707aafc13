// For processes that a test starts itself: `node --import ./test/support/run-typescript.mjs test/x.ts`.
import { register } from "node:module";

register("./typescript-hooks.mjs", import.meta.url);
