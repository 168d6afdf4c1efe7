/** Two digits a byte, with one kind of mark between; or four digits, with dots. */
const FORMS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2})+$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2})+$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i,
] as const;
/** Ethernet, EUI-64, and InfiniBand over IP. */
const LENGTHS: readonly number[] = [6, 8, 20];

/** A hardware address in any form that KubeVirt can read, as two digits a byte; undefined for anything else. */
export function parseHardwareAddress(text: string): readonly string[] | undefined {
  if (!FORMS.some((form) => form.test(text))) return undefined;
  const bytes =
    text
      .toLowerCase()
      .replace(/[^0-9a-f]/g, "")
      .match(/../g) ?? [];
  return LENGTHS.includes(bytes.length) ? bytes : undefined;
}

/** What is wrong with a NIC's MAC address, as the end of a sentence about it; undefined where nothing is. */
export function macAddressProblem(text: string): string | undefined {
  const bytes = parseHardwareAddress(text);
  if (bytes?.length === 6) return undefined;
  return bytes === undefined ? "is not a valid MAC address" : `has ${bytes.length} bytes, and a MAC address has 6`;
}
