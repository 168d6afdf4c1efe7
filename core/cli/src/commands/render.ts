import {
  defaultVmi,
  isFatal,
  isPrintable,
  judgeVmi,
  type KubevirtMinor,
  memoryOverheadBytes,
  mergeNeeds,
  NEWEST_KUBEVIRT,
  nicSpec,
  type Pod,
  pluginSidecars,
  renderPod,
  sanitiseVmi,
  terminalJson,
  type VmiInterface,
} from "@netbind/engine";
import { dump } from "js-yaml";
import { EXIT } from "../exit-codes.ts";
import type { InputViolation } from "../input/documents.ts";
import type { InputVm } from "../input/input-vm.ts";
import { type Input, loadInput } from "../input/load-input.ts";
import { type OutputFormat, printDocument, printJson } from "../output.ts";
import { type Resolve, TOKENS } from "../services.ts";
import { InputError } from "../violations.ts";

export interface RenderOptions {
  readonly filename: readonly string[];
  readonly kubevirtVersion?: KubevirtMinor;
  readonly imageFallback: "Always" | "SlirpOnly" | "Never";
  readonly output: OutputFormat;
}

/** A pod, and the memory that networking adds to its VM's. */
interface Rendered {
  readonly pod: Pod;
  readonly networkMemoryOverheadBytes: number;
}

/** KubeVirt's own bindings whose part in the pod is the plugin's of the same name. */
const CORE_BINDINGS = ["masquerade", "bridge", "sriov"] as const satisfies readonly (keyof VmiInterface)[];

/** Renders the pod of one VM, or gives all that is in its way. */
function renderOne(vm: InputVm, input: Input, options: RenderOptions, resolve: Resolve): Rendered | readonly InputViolation[] {
  const { configuration, nads } = input;
  const version = options.kubevirtVersion ?? NEWEST_KUBEVIRT;
  const { vmi } = defaultVmi(sanitiseVmi(vm.vmi), configuration);
  const judged = judgeVmi(vmi, { configuration, version }).filter(isFatal);
  const { sidecars, violations } = pluginSidecars(
    vmi,
    configuration,
    { ...resolve(TOKENS.fallback), policy: options.imageFallback },
    version,
  );
  const problems = [...judged, ...violations].map(({ field, problem, fix }) => vm.locate({ field, problem, fix }));
  if (problems.length > 0) return problems;
  const needs = (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    const network = vmi.spec.networks?.find(({ name }) => name === nic.name);
    const core = CORE_BINDINGS.find((key) => nic[key] !== undefined);
    const binding = core === undefined ? undefined : resolve(TOKENS.bindings).get(core);
    return network === undefined || binding === undefined ? [] : [binding.needs(nicSpec(vmi, nic, network))];
  });
  const pod = renderPod({ vmi, configuration, version, sidecars, needs: mergeNeeds(needs), nads });
  return { pod, networkMemoryOverheadBytes: Number(memoryOverheadBytes(vmi, configuration, version)) };
}

/** A pod as YAML. JSON is YAML too, and says what is not printable by escapes. */
function showPod(pod: Pod): string {
  const text = dump(pod, { noRefs: true, lineWidth: -1 });
  return isPrintable(text) ? text : `${terminalJson(JSON.stringify(pod, null, 2))}\n`;
}

/** `netbind render`: the launcher pods of VMs as a cluster would create them, as far as networking has a say in them. */
export async function render(options: RenderOptions, resolve: Resolve): Promise<number> {
  const input = loadInput(options.filename);
  const results = [...input.vms, ...input.templates].map((vm) => renderOne(vm, input, options, resolve));
  const rendered = results.filter((result): result is Rendered => "pod" in result);
  const problems = [...input.violations, ...results.flatMap((result) => ("pod" in result ? [] : result))];
  if (problems.length > 0) throw new InputError(problems);
  if (options.output === "json") {
    printJson(rendered.length === 1 ? rendered[0] : rendered);
    return EXIT.ok;
  }
  const show = ({ pod, networkMemoryOverheadBytes: bytes }: Rendered): string =>
    `${bytes === 0 ? "" : `# networking adds ${bytes} bytes to the VM's memory\n`}${showPod(pod)}`;
  printDocument(rendered.map(show).join("---\n"));
  return EXIT.ok;
}
