// Does the arithmetic of group exchanges beside the event loop.
import { createPublicKey, diffieHellman } from "node:crypto";
import { parentPort } from "node:worker_threads";

parentPort.on("message", ({ id, privateKey, publicKey }) => {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    parentPort.postMessage({ id, secret: diffieHellman({ privateKey, publicKey: key }) });
  } catch (error) {
    parentPort.postMessage({ id, failure: String(error) });
  }
});
