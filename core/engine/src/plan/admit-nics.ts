import { type NicSpec, type Violation, violation } from "@netbind/contract";
import { INTERFACES_PATH, NETWORKS_PATH, networksOf, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { allAnswers, type Answer, askBinding } from "./ask-binding.ts";

/** Where a binding's answer to Admit comes from: the plugin in this process, or one behind a socket. */
export interface NicAdmitter {
  admit(nic: NicSpec): Answer<readonly Violation[]>;
}

/** A NIC that its binding is asked about. */
export interface AdmittedNic {
  readonly nic: VmiInterface;
  /** Its place in the VM's list of interfaces. */
  readonly index: number;
  /** The name that its binding is registered under. */
  readonly binding: string;
  readonly spec: NicSpec;
}

/** Puts the interface's own path before what a binding said. Paths of the network go to the network's entry. */
function locate(vmi: Vmi, { nic, index }: AdmittedNic, found: Violation): Violation {
  const network = networksOf(vmi).findIndex(({ name }) => name === nic.name);
  const field = found.field.startsWith("network.")
    ? `${NETWORKS_PATH}[${network}].${found.field.slice("network.".length)}`
    : `${INTERFACES_PATH}[${index}]${found.field === "" ? "" : `.${found.field}`}`;
  return { ...found, field };
}

/** As many as a person reads: a plugin may answer with any number. */
const MOST_VIOLATIONS = 100;

/** The first of too many, and how many there are. */
function bounded(found: readonly Violation[]): readonly Violation[] {
  if (found.length <= MOST_VIOLATIONS) return found;
  const more = `the binding found ${found.length - MOST_VIOLATIONS} more`;
  return [...found.slice(0, MOST_VIOLATIONS), violation("", more, "correct these first")];
}

async function admitNic(vmi: Vmi, nic: AdmittedNic, admitter: NicAdmitter): Promise<readonly Violation[]> {
  const where = `binding "${nic.binding}" failed to admit NIC "${nic.spec.name}"`;
  const found = await askBinding(where, () => admitter.admit(nic.spec));
  return bounded(found).map((one) => locate(vmi, nic, one));
}

/**
 * All that bindings find wrong with their NICs, with the VM's own field paths. A binding that cannot be asked here is none
 * of the caller's.
 *
 * @throws BindingError of all bindings that fail: the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export async function admitNics(
  vmi: Vmi,
  nics: readonly AdmittedNic[],
  admitters: ReadonlyMap<string, NicAdmitter>,
): Promise<readonly Violation[]> {
  const answers = nics.map(async (nic) => {
    const admitter = admitters.get(nic.binding);
    return admitter === undefined ? [] : await admitNic(vmi, nic, admitter);
  });
  return (await allAnswers(answers)).flat();
}
