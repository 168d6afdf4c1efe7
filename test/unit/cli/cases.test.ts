import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { netbind } from "../../support/netbind.ts";

const CASES = fileURLToPath(new URL("../../cases", import.meta.url));

interface Planned {
  readonly pod: object;
  readonly nics: readonly { readonly nftables: string }[];
  readonly domainXml: string;
}

/** A case is a folder: what a user wrote, and what it becomes. `npm test -- -u` writes the latter anew. */
for (const name of readdirSync(CASES)) {
  test(`case ${name}`, async () => {
    const folder = join(CASES, name);
    const { code, stdout, stderr } = await netbind(["plan", "-o", "json", "-f", join(folder, "vmi.yaml")]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { pod, nics, domainXml } = JSON.parse(stdout) as Planned;
    const shown = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
    await expect(shown(pod)).toMatchFileSnapshot(join(folder, "pod.json"));
    await expect(shown(nics.map(({ nftables: _, ...nic }) => nic))).toMatchFileSnapshot(join(folder, "plan.json"));
    await expect(nics.map(({ nftables }) => nftables).join("\n")).toMatchFileSnapshot(join(folder, "nft.txt"));
    await expect(domainXml).toMatchFileSnapshot(join(folder, "domain.xml"));
  });
}
