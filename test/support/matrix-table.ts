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
export const MATRIX_BINDINGS = ["masquerade", "bridge", "slirp", "passt", "macvtap", "sriov", "tap", "managedTap"] as const;
export type MatrixBinding = (typeof MATRIX_BINDINGS)[number];

/** The matrix as a table: a cell is empty where nothing was proved. */
export function showMatrix(lines: readonly string[]): string {
  const seen = new Set(lines);
  const width = Math.max(...MATRIX_BINDINGS.map(({ length }) => length));
  const head = `${"".padEnd(width)}  ${MATRIX_CHECKS.join("  ")}`;
  const rows = MATRIX_BINDINGS.map((binding) =>
    [binding.padEnd(width), ...MATRIX_CHECKS.map((check) => (seen.has(`${binding}\t${check}`) ? "yes" : "").padEnd(check.length))]
      .join("  ")
      .trimEnd(),
  );
  return [head, ...rows].join("\n");
}
