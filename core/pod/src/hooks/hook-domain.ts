import type { AttachedNic } from "@netbind/engine";
import { nicDomain, patchDomains } from "@netbind/domain";
import { type PodSidecar, refusedSidecar } from "./hook-sockets.ts";

/** A sidecar whose answers the host knows beforehand. */
export interface ExpectedSidecar extends PodSidecar {
  /** What its plan makes of a domain. */
  readonly define: (xml: string) => string;
}

/** The sidecars of a recorded pod, with what the authorized plans of their NICs make of a domain. */
export const expectedSidecars = (
  sidecars: Readonly<Record<string, { readonly container: string }>>,
  nics: readonly AttachedNic[],
): readonly ExpectedSidecar[] =>
  Object.entries(sidecars).map(([binding, { container }]) => {
    const own = nics.filter(({ nic }) => nic.binding === binding);
    const planned = own.map(({ attachment, plan }) => ({ nic: nicDomain(attachment), domain: plan.domain }));
    return { binding, container, define: (xml) => patchDomains(xml, planned) };
  });

/** What an author of a sidecar does about one that is refused. */
export const SAME_RUNTIME =
  "run the plugin's bundle with the sidecar runtime of this release, which changes a domain by the plan alone";
/** Characters of a domain that are shown. */
const EXCERPT = 80;

/** A piece of a text, for people: one line, printable, and no longer than a line. */
export const excerpt = (text: string, at: number): string =>
  JSON.stringify((text.slice(at, at + EXCERPT).split("\n")[0] ?? "").replace(/[^\x20-\x7e]/g, "?")) +
  (at >= text.length ? " (its end)" : "");

/** Where two texts differ first, and what each has there. */
export function firstDifference(expected: string, answered: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === answered[at]) at += 1;
  const before = expected.slice(0, at).split("\n");
  const line = before.length;
  const start = at - (before.at(-1)?.length ?? 0);
  const from = Math.max(start, at - EXCERPT / 2);
  return `line ${line}, character ${at - start + 1}: expected ${excerpt(expected, from)}, answered ${excerpt(answered, from)}`;
}

/** Sees that a sidecar made of a domain what its plan makes of it, to the byte. @throws BindingError with the first difference */
export function requireDomain(sidecar: ExpectedSidecar, expected: string, answered: Uint8Array): void {
  if (Buffer.from(expected, "utf8").equals(answered)) return;
  throw refusedSidecar(
    sidecar,
    `answered OnDefineDomain with a domain that differs from the one of its authorized plan: ${firstDifference(expected, Buffer.from(answered).toString("utf8"))}`,
    SAME_RUNTIME,
  );
}
