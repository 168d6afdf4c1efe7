import { chooseVersion, type Input } from "@netbind/input";
import type { KubevirtMinor } from "@netbind/kubevirt";
import { printMessage } from "../output.ts";

/** The version whose rules are asked, with a word of it where the input's KubeVirt CR names one. */
export function askedVersion({ observed }: Input, asked: KubevirtMinor | undefined): KubevirtMinor {
  const { version, because } = chooseVersion(observed, asked);
  if (because !== undefined) printMessage(`note: ${because}`);
  return version;
}
