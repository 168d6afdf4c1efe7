import { anAttachment } from "@netbind/contract/testing";
import { passtSockets } from "@netbind/domain";
import bridge from "@netbind/plugin-bridge";
import passt from "@netbind/plugin-passt";
import { expect, test } from "vitest";

const EPHEMERAL = [32_768, 60_999] as const;

test("passt takes a socket for each port that it listens on: those that are listed, else all but the ephemeral and the mesh's", () => {
  const sockets = (change: Parameters<typeof anAttachment>[0]): number =>
    passtSockets(passt.plan(anAttachment(change)), EPHEMERAL);
  const all = 65_535 - (60_999 - 32_768 + 1);
  expect(sockets({})).toBe(2 * all);
  // The mesh's ten ports are TCP's: UDP keeps all of its own.
  expect(sockets({ mesh: true })).toBe(2 * all - 10);
  expect(
    sockets({
      ports: [
        { protocol: "TCP", port: 80 },
        { protocol: "UDP", port: 1000, lastPort: 1999 },
      ],
    }),
  ).toBe(1001);
  expect(passtSockets(bridge.plan(anAttachment()), EPHEMERAL)).toBe(0);
});
