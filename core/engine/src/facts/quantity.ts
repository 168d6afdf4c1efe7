const SUFFIXES: Readonly<Record<string, bigint>> = {
  "": 1n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  E: 1000n ** 6n,
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  Pi: 1024n ** 5n,
  Ei: 1024n ** 6n,
};

/** A Kubernetes quantity (`64Mi`, `1.5Gi`, `500m`) in whole units, rounded up; undefined where it is none. */
export function parseQuantity(text: string): bigint | undefined {
  const [, whole = "", part = "", suffix = ""] = /^\+?(\d{1,18})(?:\.(\d{1,9}))?(m|[kMGTPE]|[KMGTPE]i)?$/.exec(text) ?? [];
  if (whole === "") return undefined;
  const scale = 10n ** BigInt(part.length) * (suffix === "m" ? 1000n : 1n);
  const value = BigInt(whole + part) * (SUFFIXES[suffix === "m" ? "" : suffix] ?? 1n);
  return (value + scale - 1n) / scale;
}
