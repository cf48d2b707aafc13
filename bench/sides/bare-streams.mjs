import { createServer } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { JobService } from "../../sdk/dist/v1.js";

/** Streams that do nothing: each says once that it is open, and ends with its caller. What any server would pay for them. */
const server = createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(JobService, {
        async *watchJob(_request, { signal }) {
          yield { item: { case: "synced", value: {} } };
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        },
      }),
  }),
);
server.listen(0, "127.0.0.1", () => process.stdout.write(`${JSON.stringify({ ...server.address(), msg: "ready" })}\n`));
process.once("SIGTERM", () => process.exit(0));
