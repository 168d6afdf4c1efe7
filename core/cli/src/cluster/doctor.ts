import type { ClusterFinding, ClusterOverview, VmStep } from "@netbind/view";
import { clusterFindingLines, findingsSummary, formatOverview, formatSteps } from "@netbind/view";
import { limitRepeated } from "@netbind/kubevirt/admission";
import { askImage } from "@netbind/local";
import type { ClusterOptions } from "../commands/cluster-options.ts";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printData, printMessage, printStyled, screen } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { checkAgents } from "./checks/check-agents.ts";
import { checkAttached, checkBindings } from "./checks/check-bindings.ts";
import { checkController } from "./checks/check-controller.ts";
import { type AskImage, checkImages } from "./checks/check-images.ts";
import { checkKubevirt } from "./checks/check-kubevirt.ts";
import { checkNetworks } from "./checks/check-networks.ts";
import { checkOperator, checkRegistrations, checkUnregistered } from "./checks/check-registrations.ts";
import { checkWebhooks } from "./checks/check-webhooks.ts";
import { readFacts } from "./facts.ts";
import { Looks } from "./looks.ts";
import { openCluster, vmNamed } from "./open-cluster.ts";
import { overviewOf } from "./overview.ts";
import type { Released } from "./released.ts";
import { diagnoseVm } from "./vm/diagnose-vm.ts";

/** The options of `netbind doctor`. */
export interface DoctorOptions extends ClusterOptions {
  readonly output: OutputFormat;
}

/** What was found, of a cluster or of a VM. */
interface Diagnosis {
  readonly findings: readonly ClusterFinding[];
  readonly overview?: ClusterOverview;
  readonly vm?: { readonly namespace: string; readonly name: string; readonly steps: readonly VmStep[] };
}

/** Milliseconds for a registry's answer. */
const REGISTRY_DEADLINE = 20_000;

const askFrom =
  (resolve: Resolve): AskImage =>
  (image) =>
    askImage(image, resolve(TOKENS.exec), REGISTRY_DEADLINE);

async function diagnoseCluster(looks: Looks, released: Released, ask: AskImage): Promise<Diagnosis> {
  const facts = await readFacts(looks);
  const now = Date.now();
  const found = [
    ...checkKubevirt(facts),
    ...checkRegistrations(facts, released),
    ...checkOperator(facts),
    ...checkBindings(facts, released),
    ...checkController(facts, now),
    ...(await checkWebhooks(facts, looks, now)),
    ...checkAgents(facts),
    ...checkNetworks(facts),
    ...(await checkImages(facts, looks, ask)),
    ...checkUnregistered(facts),
    ...checkAttached(facts),
  ];
  return { findings: found, overview: overviewOf(facts) };
}

function printDiagnosis({ findings, overview, vm }: Diagnosis, notChecked: readonly string[]): void {
  if (overview !== undefined) print(`${formatOverview(overview, screen())}\n\n`);
  if (vm !== undefined) print(`VM ${vm.namespace}/${vm.name}\n\n${formatSteps(vm.steps, screen())}\n\n`);
  printStyled([
    ...limitRepeated(findings, ({ code }) => code).flatMap(clusterFindingLines),
    findingsSummary(findings, notChecked),
  ]);
  for (const text of notChecked) printMessage(`note: not checked: ${text}`);
}

/** `netbind doctor`: what is wrong in a cluster, or with a VM of it, and what to do. Gives the exit code. */
export async function doctor(name: string | undefined, options: DoctorOptions, resolve: Resolve): Promise<number> {
  using cluster = openCluster(options);
  const looks = new Looks(cluster.client);
  const released = resolve(TOKENS.released);
  const diagnosis =
    name === undefined
      ? await diagnoseCluster(looks, released, askFrom(resolve))
      : await diagnoseVm(looks, { ...vmNamed(name, cluster.namespace), context: cluster.context }, released);
  const { notChecked } = looks;
  const passed = !diagnosis.findings.some(({ severity }) => severity === "error");
  if (options.output === "text") printDiagnosis(diagnosis, notChecked);
  else printData({ passed, ...diagnosis, notChecked }, options.output);
  return passed ? EXIT.ok : EXIT.failed;
}
