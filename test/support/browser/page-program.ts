/*
 * What a page in a browser would do with the packages that need no runtime. It is bundled for a browser, and asked where there
 * is nothing but the language.
 */
import { releasedGrants } from "@netbind/bindings";
import { childOf, domainNics, scanXml } from "@netbind/domain";
import { decideVmi, plannerOf, previewVm } from "@netbind/engine";
import { convertRemovedBindings, inputOf, parseText, validateInput } from "@netbind/input";
import { formatFindings, formatPlan } from "@netbind/view";
import masquerade from "@netbind/plugin-masquerade";

const DOMAIN =
  "<domain type='kvm'><name>default_vm</name><devices><emulator>/usr/bin/qemu</emulator></devices></domain>";

/** What `netbind validate` would print of a text. */
export function validate(text: string): string {
  const input = inputOf(parseText("page.yaml", text), "page.yaml");
  return formatFindings({
    findings: validateInput(input, { operation: "create" }, new Map()),
    vms: input.vms.length,
  });
}

/** What `netbind convert` would make of a text. */
export const convert = (text: string): string => convertRemovedBindings("page.yaml", text).text;

/** What a Secret of a text says. */
export const secretIn = (text: string, name: string): string | undefined =>
  inputOf(parseText("page.yaml", text), "page.yaml", "nothing").dataOf("default").secrets[name]?.["key"];

/** What `netbind plan` would print of the first VM of a text, whose NICs are masquerade's, and what its domain says of them. */
export async function plan(
  text: string,
): Promise<{ readonly text: string; readonly nics: readonly string[]; readonly emulator: string }> {
  const { vms, configuration, nads } = inputOf(parseText("page.yaml", text), "page.yaml");
  const [vm] = vms;
  if (vm === undefined) throw new Error("the text has no VM");
  const fallback = { policy: "Always", table: { masquerade: { image: "masquerade" } } } as const;
  const { decision, violations } = await decideVmi({
    vmi: vm.vmi,
    configuration,
    fallback,
    bindings: new Map([["masquerade", masquerade]]),
    grants: releasedGrants(),
    nads,
  });
  if (decision === undefined) throw new Error(JSON.stringify(violations));
  const preview = await previewVm(decision, {
    domainXml: DOMAIN,
    given: [],
    grants: {},
    planner: () => plannerOf(masquerade),
  });
  const emulator = childOf(childOf(scanXml(preview.domainXml), "devices"), "emulator")?.name ?? "none";
  return {
    text: formatPlan({ preview, decision }),
    nics: domainNics(preview.domainXml).map(({ name, kind }) => `${kind} ${name}`),
    emulator,
  };
}
