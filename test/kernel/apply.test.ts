/** Links and rules are made beside one another: each is done whatever becomes of the other, and what failed is said. */
import type { NftJson } from "@netbind/engine";
import { applyNetwork } from "@netbind/netns";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

const LINKS = { right: ["link add name br0 type bridge"], wrong: ["link set dev nowhere up"] } as const;
const RULES = {
  right: [{ add: { table: { family: "inet", name: "made" } } }],
  wrong: [{ delete: { table: { family: "inet", name: "nowhere" } } }],
} as const satisfies Record<string, readonly NftJson[]>;
/** What no argument has room for: it goes another way. */
const LONG: readonly NftJson[] = [
  ...RULES.right,
  ...Array.from({ length: 2000 }, (_, at) => ({ add: { chain: { family: "inet", table: "made", name: `c${at}` } } })),
];

interface Outcome {
  readonly said: string;
  /** Whether the link was made. */
  readonly link: boolean;
  /** How many tables there are. */
  readonly tables: number;
}

async function applied(ip: readonly string[], nft: readonly NftJson[], sysctls = {}): Promise<Outcome> {
  await using pod = await TestNetns.make();
  const keys = Object.entries<string>(sysctls).map(([key, value]) => ({ key, value }));
  const outcome = applyNetwork(pod.exec, { ip, nft, sysctls: keys, unrecoverable: [] });
  const said = await outcome.then(() => "", String);
  const links = await pod.exec(["ip", "-json", "link", "show"]);
  const tables = await pod.exec(["nft", "list", "tables"]);
  return { said, link: links.includes('"br0"'), tables: tables.split("\n").length - 1 };
}

test.each([
  [LINKS.right, RULES.right, /^$/, 1],
  [LINKS.right, LONG, /^$/, 1],
  [LINKS.right, RULES.wrong, /No such file or directory/, 0],
  [LINKS.wrong, RULES.right, /Cannot find device "nowhere"/, 1],
  [LINKS.wrong, LONG, /Cannot find device "nowhere"/, 1],
] as const)("%j beside rules: what fails is said, and the other is done (%#)", async (ip, nft, said, tables) => {
  const outcome = await applied(ip, nft);
  expect(outcome).toEqual({ said: expect.stringMatching(said), link: ip === LINKS.right, tables });
});

test("where both fail, both are said", async () => {
  const { said } = await applied(LINKS.wrong, RULES.wrong);
  expect(said).toMatch(/Cannot find device "nowhere"/);
  expect(said).toMatch(/No such file or directory/);
});

test("a sysctl that the kernel does not take is said, and the rules are made", async () => {
  const refused = { "net.ipv4.ip_forward": "1", "net.ipv4.conf.nowhere.arp_ignore": "1" };
  const outcome = await applied(LINKS.right, RULES.right, refused);
  expect(outcome).toMatchObject({
    said: expect.stringContaining("net/ipv4/conf/nowhere/arp_ignore"),
    link: true,
    tables: 1,
  });
});
