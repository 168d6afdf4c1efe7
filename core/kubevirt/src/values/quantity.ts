/** Powers of ten or of two by which a suffix multiplies. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };
/** More digits, or powers of ten, than a quantity of memory has. */
const QUANTITY = /^\+?(?:(\d{1,30})\.?|(\d{0,30})\.(\d{1,30}))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/;

/**
 * A Kubernetes quantity (`64Mi`, `1.5Gi`, `500m`, `1e3`) in whole units, rounded up; undefined where it is none.
 *
 * @param decimals  how many powers of ten smaller the unit is: 3 for thousandths of a processor
 */
export function parseQuantity(text: string, decimals = 0): bigint | undefined {
  const parts = QUANTITY.exec(text);
  if (parts === null) return undefined;
  const [, digits, whole = "", part = "", suffix = "", exponent] = parts;
  const value = BigInt(`${digits ?? ""}${whole}${part}`) << (BINARY[suffix] ?? 0n);
  const power = BigInt((exponent === undefined ? (DECIMAL[suffix] ?? 0) : Number(exponent)) - part.length + decimals);
  if (power >= 0n) return value * 10n ** power;
  const scale = 10n ** -power;
  return (value + scale - 1n) / scale;
}
