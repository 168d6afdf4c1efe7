/** What a binding is asked with a real guest, in the order in which it is shown. */
export const MATRIX_CHECKS = [
  "address",
  "MAC",
  "MTU",
  "TCP in",
  "TCP out",
  "UDP in",
  "UDP out",
  "ICMP",
  "IPv6",
  "ports rule",
  "queues",
  "spoof",
  "second define",
  "Shutdown",
  "teardown",
] as const;
export type MatrixCheck = (typeof MATRIX_CHECKS)[number];

/** The bindings that the matrix has a row for, whatever was proved of them. */
export const MATRIX_BINDINGS = [
  "masquerade",
  "bridge",
  "slirp",
  "passt",
  "macvtap",
  "sriov",
  "tap",
  "managedTap",
] as const;
export type MatrixBinding = (typeof MATRIX_BINDINGS)[number];

/** What a binding does not promise, and so is not asked; of tap and managedTap nothing is but a registration. */
const NOT_PROMISED: Readonly<Record<MatrixBinding, readonly MatrixCheck[]>> = {
  // The MAC-spoof check is the network's: the CNI plugin bridge and virtual functions have it.
  masquerade: ["spoof"],
  bridge: ["ports rule"],
  slirp: ["MTU", "ICMP", "IPv6", "queues", "spoof"],
  passt: ["MTU", "queues", "spoof"],
  // The guest's address on the node's own network is its own matter. A macvtap takes in what its link in the pod asked
  // for of multicast, and so nobody finds the guest by IPv6's search for neighbors.
  macvtap: ["address", "IPv6", "ports rule", "spoof"],
  sriov: ["address", "ports rule", "queues"],
  tap: ["address", "IPv6", "ports rule", "spoof", "Shutdown"],
  managedTap: ["address", "ports rule", "spoof", "Shutdown"],
};

/** The matrix as a table: a cell is empty where what is promised was not proved, and has a dash where nothing is. */
export function formatMatrix(lines: readonly string[]): string {
  const found = new Set(lines);
  const width = Math.max(...MATRIX_BINDINGS.map(({ length }) => length));
  const head = `${"".padEnd(width)}  ${MATRIX_CHECKS.join("  ")}`;
  const rows = MATRIX_BINDINGS.map((binding) =>
    [
      binding.padEnd(width),
      ...MATRIX_CHECKS.map((check) =>
        (found.has(`${binding}\t${check}`) ? "yes" : NOT_PROMISED[binding].includes(check) ? "-" : "").padEnd(
          check.length,
        ),
      ),
    ]
      .join("  ")
      .trimEnd(),
  );
  return [head, ...rows].join("\n");
}
