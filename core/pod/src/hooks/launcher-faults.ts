import table from "./launcher-faults.json" with { type: "json" };

/** What KubeVirt's launcher does with sidecars, beside what is documented of it: every fault is played on one machine too. */
export const LAUNCHER_FAULTS: Readonly<
  Record<keyof typeof table, { readonly what: string; readonly comes: string; readonly do: string }>
> = table;

/** How many interfaces a domain has with its placeholders. */
const PLACEHOLDER_INTERFACES: number = table.placeholders.most;

/** KubeVirt's launcher would panic here, so the VM's start fails on one machine as well. */
export class LauncherPanicError extends Error {
  override readonly name = "LauncherPanicError";
  readonly fault: keyof typeof LAUNCHER_FAULTS;

  constructor(fault: keyof typeof LAUNCHER_FAULTS, problem: string) {
    const { what, do: fix } = LAUNCHER_FAULTS[fault];
    super(`${problem}, and KubeVirt's launcher panics on that. ${what} To do: ${fix}`);
    this.fault = fault;
  }
}

const PLACEHOLDER = (at: number): string =>
  [
    "<interface type='ethernet'>",
    "  <source/>",
    `  <target dev='placeholder-${at}' managed='no'/>`,
    "  <model type='virtio-non-transitional'/>",
    `  <alias name='placeholder-${at}'/>`,
    "</interface>",
  ]
    .map((line) => `    ${line}\n`)
    .join("");

/** The domain of the first definition at boot: with interfaces for which libvirt keeps places, so that NICs can be added. */
export function withPlaceholders(xml: string, interfaces: number): string {
  const count = interfaces === 0 ? 0 : Math.max(0, PLACEHOLDER_INTERFACES - interfaces);
  const last = xml.lastIndexOf("</interface>\n");
  const at = last === -1 ? xml.indexOf("<devices>\n") + "<devices>\n".length : last + "</interface>\n".length;
  return xml.slice(0, at) + Array.from({ length: count }, (_, index) => PLACEHOLDER(index)).join("") + xml.slice(at);
}

/** Numbers a pod's sidecars in another order each time, as a Go map has one. `random` gives numbers from 0 up to 1. */
export function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  const left = [...list];
  return list.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}
