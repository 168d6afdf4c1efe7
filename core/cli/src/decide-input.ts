import { violation } from "@netbind/contract";
import { type Decision, decideVmi, type ImageFallback, judgeVmi, translateOldKeys } from "@netbind/engine";
import type { InputVm } from "./input/input-vm.ts";
import { type Input, loadInput } from "./input/load-input.ts";
import { tell } from "./output.ts";
import { type Resolve, TOKENS } from "./services.ts";
import { InputError } from "./violations.ts";

/** A VM of the input that may be started. */
export interface DecidedVm {
  readonly vm: InputVm;
  readonly decision: Decision;
}

/** This release's images, with the files that stand in for images on this machine. */
function withPlugins(fallback: ImageFallback, plugins: Readonly<Record<string, string>>): ImageFallback {
  const files = Object.fromEntries(Object.entries(plugins).map(([name, image]) => [name, { image }]));
  return { ...fallback, table: { ...fallback.table, ...files } };
}

/** Tells what a VM says that has no effect, or not the one that was meant: it starts all the same. */
function tellIneffective(vm: InputVm, { vmi }: Decision, { configuration, nads }: Input): void {
  for (const found of judgeVmi(vmi, { configuration, nads }).filter(({ rule }) => rule.consequence === "ignored")) {
    const { file, line, field, problem, fix } = vm.locate(found);
    tell(`warning: ${file}:${line}: ${field}: ${problem}: ${fix}`);
  }
}

/** Tells whose registered image is a cluster's to pull: on one machine this release's own plugin of that name serves. */
function tellStandIns(decisions: readonly Decision[], own: ReadonlyMap<string, unknown>): void {
  const registered = decisions.flatMap(({ bindings }) => bindings.filter(({ name, from }) => from === "registered" && own.has(name)));
  for (const [name, image] of new Map(registered.map((binding) => [binding.name, binding.image])))
    tell(
      `warning: pulling images is a cluster's job: for ${JSON.stringify(image)}, registered for ${name}, this release's own ${name} serves`,
    );
}

/**
 * Reads files and decides about every VM in them.
 *
 * @throws InputError with all that is wrong, of all VMs at once
 */
export async function decideInput(
  files: readonly string[],
  resolve: Resolve,
  plugins: Readonly<Record<string, string>> = {},
): Promise<{ readonly input: Input; readonly vms: readonly DecidedVm[] }> {
  const input = loadInput(files);
  // A plugin of the command line is asked in its sidecar, never in this process, whatever its name.
  const bindings = new Map([...resolve(TOKENS.bindings)].filter(([name]) => !Object.hasOwn(plugins, name)));
  const renewed = input.vms.map((vm) => ({ vm, ...translateOldKeys(vm.vmi) }));
  for (const { vm, translated } of renewed) {
    for (const { key, field } of translated) {
      const { file, line } = vm.locate(violation(field, "", ""));
      tell(`warning: ${file}:${line}: ${key} is taken for binding: {name: ${key}}; netbind migrate-vms writes it so`);
    }
  }
  const deciding = renewed.map(async ({ vm, vmi }) => ({
    vm,
    result: await decideVmi({
      vmi,
      configuration: input.configuration,
      fallback: withPlugins(resolve(TOKENS.fallback), plugins),
      bindings,
      nads: input.nads,
    }),
  }));
  const results = await Promise.all(deciding);
  const violations = [...input.violations, ...results.flatMap(({ vm, result }) => result.violations.map(vm.locate))];
  if (violations.length > 0) throw new InputError(violations);
  for (const warning of input.warnings) tell(`warning: ${warning}`);
  tellStandIns(
    results.flatMap(({ result }) => result.decision ?? []),
    bindings,
  );
  for (const { vm, result } of results) if (result.decision !== undefined) tellIneffective(vm, result.decision, input);
  return { input, vms: results.flatMap(({ vm, result }) => (result.decision === undefined ? [] : [{ vm, decision: result.decision }])) };
}
