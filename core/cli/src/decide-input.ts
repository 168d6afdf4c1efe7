import { type Decision, decideVmi } from "@netbind/engine";
import { type Input, type InputVm, loadInput } from "./input/load-input.ts";
import { tell } from "./output.ts";
import { type Resolve, TOKENS } from "./services.ts";
import { InputError } from "./violations.ts";

/** A VM of the input that may be started. */
export interface DecidedVm {
  readonly vm: InputVm;
  readonly decision: Decision;
}

/**
 * Reads files and decides about every VM in them.
 *
 * @throws InputError with all that is wrong, of all VMs at once
 */
export function decideInput(files: readonly string[], resolve: Resolve): { readonly input: Input; readonly vms: readonly DecidedVm[] } {
  const input = loadInput(files);
  const results = input.vms.map((vm) => ({
    vm,
    result: decideVmi({
      vmi: vm.vmi,
      configuration: input.configuration,
      fallback: resolve(TOKENS.fallback),
      bindings: resolve(TOKENS.bindings),
    }),
  }));
  const violations = [...input.violations, ...results.flatMap(({ vm, result }) => result.violations.map(vm.locate))];
  if (violations.length > 0) throw new InputError(violations);
  for (const warning of input.warnings) tell(`warning: ${warning}`);
  return { input, vms: results.flatMap(({ vm, result }) => (result.decision === undefined ? [] : [{ vm, decision: result.decision }])) };
}
