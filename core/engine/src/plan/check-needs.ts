import { type Needs, type Violation, violation } from "@netbind/contract";
import { INTERFACES_PATH } from "@netbind/kubevirt";
import type { Grants } from "./grants.ts";
import type { NeedingNic } from "./needs-of-nics.ts";

/** What every launcher's compute container has. */
const STANDARD_CAPABILITY = "NET_BIND_SERVICE";

/** What a NIC needs of its pod that takes a grant, by the grants' lists: each with how it is named in a sentence. */
const GRANTED = {
  capabilities: ({ compute }: Needs) => (compute?.capabilities ?? []).filter((name) => name !== STANDARD_CAPABILITY),
  devices: ({ compute }: Needs) => Object.keys(compute?.devices ?? {}),
  annotations: ({ pod }: Needs) => Object.keys(pod?.annotations ?? {}),
} as const satisfies Partial<Record<keyof Grants, (needs: Needs) => readonly string[]>>;
const CALLED = { capabilities: "capability", devices: "resource", annotations: "annotation" } as const;
const LISTS = ["capabilities", "devices", "annotations"] as const;

/** What a NIC needs of its pod beyond what its binding was granted. */
export const ungrantedNeeds = ({ binding, index, needs }: NeedingNic, grants: Grants): readonly Violation[] =>
  LISTS.flatMap((list) =>
    GRANTED[list](needs)
      .filter((name) => !grants[list].includes(name))
      .map((name) =>
        violation(
          `${INTERFACES_PATH}[${index}]`,
          `binding "${binding}" needs the ${CALLED[list]} ${JSON.stringify(name)}, which is not granted to it`,
          `grant it if you trust the binding with it: {${JSON.stringify(binding)}: {"${list}": [${JSON.stringify(name)}]}}`,
        ),
      ),
  );

/** What the container that runs the guest has. */
export interface ComputeContainer {
  readonly capabilities: readonly string[];
  /** Device plugin resources, with the number of devices. */
  readonly devices: Readonly<Record<string, number>>;
}

/** What a NIC needs of a pod that is there, and that it does not have: it cannot get it any more. */
export function unmetNeeds(
  { binding, index, needs }: NeedingNic,
  { capabilities, devices }: ComputeContainer,
): readonly Violation[] {
  const fix = `set what the binding needs in the VM, or in the webhook that admits its pod`;
  const lacks = (what: string): Violation =>
    violation(
      `${INTERFACES_PATH}[${index}]`,
      `binding "${binding}" needs ${what}, which the VM's pod does not have`,
      fix,
    );
  const desired = needs.compute?.capabilities ?? [];
  return [
    ...desired
      .filter((name) => name !== STANDARD_CAPABILITY && !capabilities.includes(name))
      .map((name) => lacks(`the capability "${name}"`)),
    ...Object.entries(needs.compute?.devices ?? {}).flatMap(([name, count]) =>
      (Object.hasOwn(devices, name) ? (devices[name] ?? 0) : 0) >= count
        ? []
        : [lacks(`${count} of the resource "${name}"`)],
    ),
  ];
}
