import { applyNetwork, CommandError, observe } from "@netbind/netns";
import { expect, test } from "vitest";

/** A command that fails as one does without the right to change a network: its error has all of its arguments. */
const refuse = (argv: readonly string[]): Promise<never> =>
  Promise.reject(new CommandError(argv, "exit code 1", "Operation not permitted", 1));

const SCRIPTS = {
  "could not be looked at": () => observe(refuse, { table: { name: "netbind_eth0", family: "inet" } as never }),
  "could not be configured as planned": () =>
    applyNetwork(refuse, { ip: ["link set up dev eth0"], sysctls: [], nft: [], unrecoverable: [] } as never),
};

test.each(Object.entries(SCRIPTS))(
  "a pod's network that %s is said in a line, without the script's text",
  async (failure, run) => {
    const { message, stderr, exitCode } = (await run().catch(
      (error: unknown) => error as CommandError,
    )) as CommandError;
    expect(message).toMatch(
      new RegExp(`^ip[a-z -]*, sysctl, nft: the pod's network ${failure}: Operation not permitted$`),
    );
    expect({ stderr, exitCode }).toEqual({ stderr: "Operation not permitted", exitCode: 1 });
  },
);
