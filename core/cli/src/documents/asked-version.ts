import { chooseVersion, type ChosenVersion, type Input } from "@netbind/input";
import { formatVersion, type KubevirtMinor } from "@netbind/kubevirt";
import { printMessage } from "../output.ts";

/** The version whose rules are asked, with a word of it where the input's KubeVirt CR names one. */
export function askedVersion({ observed }: Input, asked: KubevirtMinor | undefined): ChosenVersion {
  const chosen = chooseVersion(observed, asked);
  if (chosen.because !== undefined) printMessage(`note: ${chosen.because}`);
  return chosen;
}

/** The same as the value of `kubevirt` in a command's JSON. */
export const versionData = ({ because: _, version, ...chosen }: ChosenVersion): object => ({
  version: formatVersion(version),
  ...chosen,
});
