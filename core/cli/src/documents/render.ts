import { admitPluginNics, type AskedBinding, mergeNeeds, needsOfNics, pluginNics } from "@netbind/engine";
import { findUnknown, type Input, type InputViolation, type InputVm } from "@netbind/input";
import type { KubevirtMinor } from "@netbind/kubevirt";
import { type ImageFallback, interfacesOf, networkOf, nicSpec, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { defaultVmi, foundBy, findMistakes, isFatal, sanitizeVmi } from "@netbind/kubevirt/admission";
import { memoryOverheadBytes, pluginSidecars, type Pod, renderPod } from "@netbind/kubevirt/pod";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { OutputFormat } from "../output.ts";
import type { InputFiles } from "../input/read-input.ts";
import { EXIT } from "../exit-codes.ts";
import { askedVersion, versionData } from "./asked-version.ts";
import { warnDuplicates } from "./warn-duplicates.ts";
import { loadInput } from "../input/load-input.ts";
import { printData, printDocument, printMessage, yamlOf } from "../output.ts";
import { PluginFailures } from "../plugins/plugin-failures.ts";
import { type OpenPlugins, openPlugins, withPlugins } from "../plugins/open-plugins.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError } from "../errors.ts";

/** The options of `netbind render`. */
export interface RenderOptions extends InputFiles {
  readonly kubevirtVersion?: KubevirtMinor;
  readonly imageFallback: "Always" | "SlirpOnly" | "Never";
  readonly plugin: PluginSources;
  readonly output: OutputFormat;
}

/** What pods are rendered with. */
interface RenderContext {
  readonly fallback: ImageFallback;
  readonly plugins: OpenPlugins;
  readonly failures: PluginFailures;
  readonly version: KubevirtMinor;
}

type PodNeeds = ReturnType<typeof mergeNeeds>;

/** A pod, and the memory that networking adds to its VM's. */
interface Rendered {
  readonly pod: Pod;
  readonly networkMemoryOverheadBytes: number;
}

/** KubeVirt's own bindings whose part in the pod is the plugin's of the same name. */
const CORE_BINDINGS = ["masquerade", "bridge", "sriov"] as const satisfies readonly (keyof VmiInterface)[];

/** What the NICs need of their pod: those of plugins, and those of KubeVirt's own bindings. */
async function needsOf(vmi: Vmi, bindings: ReadonlyMap<string, AskedBinding>): Promise<PodNeeds> {
  const core = interfacesOf(vmi).flatMap((nic, index) => {
    const network = networkOf(vmi, nic.name);
    const binding = CORE_BINDINGS.find((key) => nic[key] !== undefined);
    return network === undefined || binding === undefined ? [] : [{ binding, index, spec: nicSpec(vmi, nic, network) }];
  });
  const needing = await needsOfNics([...core, ...pluginNics(vmi, bindings)], bindings);
  return mergeNeeds(needing.map(({ needs }) => needs));
}

/** Renders the pod of one VM, or gives all that is in its way. */
async function renderOne(
  vm: InputVm,
  input: Input,
  options: RenderOptions,
  { fallback, plugins, failures, version }: RenderContext,
): Promise<Rendered | readonly InputViolation[]> {
  const { configuration, nads } = input;
  const { vmi } = defaultVmi(sanitizeVmi(vm.vmi), configuration);
  const found = findMistakes(vmi, { configuration, version }).filter(isFatal);
  const { sidecars, violations } = pluginSidecars(
    vmi,
    input.configuredBy === undefined ? undefined : configuration,
    { ...withPlugins(fallback, plugins.sources), policy: options.imageFallback },
    version,
  );
  const known = new Set(found.map(({ field }) => field));
  const bindings = failures.bindingsFor(vm);
  const refused = (await admitPluginNics(vmi, bindings)).filter(({ field }) => !known.has(field));
  const problems = [
    ...found.map(({ field, problem, fix, rule }) => ({ field, problem, fix, rule: rule.id })),
    ...foundBy("BINDING", violations),
    ...foundBy("ADMIT", refused),
  ].map((one) => vm.locate(one));
  if (problems.length > 0) return problems;
  const pod = renderPod({ vmi, configuration, version, sidecars, needs: await needsOf(vmi, bindings), nads });
  return { pod, networkMemoryOverheadBytes: Number(memoryOverheadBytes(vmi, configuration, version)) };
}

/** `netbind render`: the launcher pods of VMs as a cluster would create them, as far as networking has a say in them. */
export async function render(options: RenderOptions, resolve: Resolve): Promise<number> {
  const input = loadInput(options);
  await using plugins = await openPlugins(options.plugin, resolve);
  const failures = new PluginFailures(plugins);
  warnDuplicates(input.duplicates);
  for (const text of findUnknown(input)) printMessage(`note: ${text}`);
  const chosen = askedVersion(input, options.kubevirtVersion);
  const context = { fallback: resolve(TOKENS.fallback), plugins, failures, version: chosen.version };
  const results = await Promise.all(
    [...input.vms, ...input.templates].map((vm) => renderOne(vm, input, options, context)),
  );
  const rendered = results.filter((result): result is Rendered => "pod" in result);
  const problems = [...input.violations, ...results.flatMap((result) => ("pod" in result ? [] : result))];
  failures.throwIfAny(problems);
  if (problems.length > 0) throw new InputError(problems);
  if (options.output !== "text") {
    const data = rendered.map((one) => ({ ...one, kubevirt: versionData(chosen) }));
    printData(data.length === 1 ? data[0] : data, options.output);
    return EXIT.ok;
  }
  const show = ({ pod, networkMemoryOverheadBytes: bytes }: Rendered): string =>
    `${bytes === 0 ? "" : `# networking adds ${bytes} bytes to the VM's memory\n`}${yamlOf(pod)}`;
  printDocument(rendered.map(show).join("---\n"));
  return EXIT.ok;
}
