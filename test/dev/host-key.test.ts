import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { createHostKey, readHostKey } from "../../src/dev/simulator/host-key.js";

test("every new key can be read back and tells its public half, whatever bytes it begins with", () => {
  for (let at = 0; at < 1500; at++) {
    const { privateKey, line } = createHostKey();
    const parsed = ssh2.utils.parseKey(line);
    if (parsed instanceof Error) throw parsed;
    expect(parsed.getPublicSSH().length).toBe(4 + 11 + 4 + 32);
    expect(readHostKey(privateKey).line).toBe(line);
  }
});
