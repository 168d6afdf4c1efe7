/** Compares the pod's network as KubeVirt sets it up with what Netbind plans: links, sysctls and rules. */
import { BindingError } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { isRefused, isSsh, opensSsh, refusal, silencedForNothing, theirUnaddressed } from "./netpod/differences.ts";
import type { Input, Result } from "./netpod/nmstate.ts";
import { plan, type Planned, unpaired } from "./netpod/planned.ts";
import { comparable, ours, removed, servesIpv6, theirLink, theirSysctls } from "./netpod/set-up.ts";
import { commandRules } from "./nft.ts";
import { AGREED, compare, completeVmi, failed, type Outcome, type Vector } from "./vector.ts";

/** KubeVirt's words for how far a network's preparation got. */
const STARTED = 1;
const FINISHED = 2;

/** What KubeVirt did before and does not do again is recorded: nothing is left to do. */
function nothingToDo(vmi: Vmi, state: Input["state"]): boolean {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const pending = interfaces.some(
    ({ name, sriov, state: desired }) => sriov === undefined && desired !== "absent" && state[name] !== FINISHED,
  );
  return !pending && !interfaces.some(({ name, state: desired }) => desired === "absent" && state[name] !== undefined);
}

/** True where a NIC that is to stay was begun, and not ended. */
const isInterrupted = (vmi: Vmi, state: Input["state"]): boolean =>
  (vmi.spec.domain.devices.interfaces ?? []).some((nic) => nic.state !== "absent" && state[nic.name] === STARTED);

/** Compares what is set up, where both set something up. */
function compareSetUp(vmi: Vmi, input: Input, planned: Planned, { spec, nft }: Result): Outcome {
  const mine = ours(planned);
  const refused = theirUnaddressed(planned);
  const silenced = silencedForNothing(vmi, input, planned);
  const ssh = opensSsh(planned);
  const skipped = (line: string): boolean =>
    (silenced && line.includes("arp_ignore")) || (refused.sysctls.includes(line) && !mine.sysctls.includes(line));
  const theirs = {
    links: comparable((spec?.interfaces ?? []).map(theirLink).filter(({ name }) => !refused.links.includes(name))),
    sysctls: theirSysctls(spec ?? {}).filter((line) => !skipped(line)),
    rules: commandRules(nft ?? []).filter((rule) => !(ssh && isSsh(rule))),
  };
  return compare({ ...mine, links: comparable([...mine.links, ...removed(vmi, input)]) }, theirs, [
    ...(planned.unaddressed.length > 0 ? ["NO-ADDRESS"] : []),
    ...(silenced ? ["ABSENT-ARP"] : []),
    ...(planned.plans.some(servesIpv6) ? ["BRIDGE-IPV6"] : []),
    ...(ssh ? ["MESH-SSH"] : []),
  ]);
}

/** The pod's network as KubeVirt sets it up: links, sysctls and rules. */
export function netpod({ input, result }: Vector<Input, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const state = input.state ?? {};
  if (!unpaired(vmi) && nothingToDo(vmi, state)) {
    return result.error === null && !result.spec?.interfaces?.length ? AGREED : failed("ours has nothing to do");
  }
  const planned = plan(vmi, input);
  if (planned instanceof BindingError) {
    if (result.error !== null) return AGREED;
    const listed = refusal(vmi, input, planned);
    return listed === undefined
      ? failed(`ours refuses: ${planned.message}`)
      : { verdict: "deviating", deviations: [listed] };
  }
  // Ours goes on from its record where KubeVirt gives up.
  if (result.error !== null && isInterrupted(vmi, state)) return { verdict: "deviating", deviations: ["RESUME"] };
  const outcome =
    result.error === null ? compareSetUp(vmi, input, planned, result) : failed(`theirs refuses: ${result.error}`);
  return outcome.verdict === "failed" && isRefused(vmi, input)
    ? { verdict: "deviating", deviations: ["REFUSED-BEFORE"] }
    : outcome;
}
