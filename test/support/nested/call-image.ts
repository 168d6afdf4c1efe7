/**
 * Runs a binding's image within the memory that KubeVirt gives a sidecar, on a machine whose control groups are the test's,
 * from a cold page cache, and defines a domain again and again, each time over a new connection.
 *
 * Usage: call-image ROOTFS PROCESS CALLS; PROCESS: how the image starts, as JSON. Prints a {@link SeenImage}.
 */
import { defineLarge, groupField, LARGE_DOMAIN, readGroup, startLimited, timeCall } from "./limited-image.ts";

/** What was seen of an image's container. */
export interface SeenImage {
  /** The different domains that came back, and how many bytes the one that was sent has. */
  readonly domains: readonly string[];
  readonly domainBytes: number;
  /** How often the kernel ended something of it for want of memory. */
  readonly outOfMemory: number;
  /** How often its first runtime was replaced. */
  readonly replaced: number;
  readonly memoryLimit: number;
  /** Bytes of memory that are its own, and its files', after the first and after the last call. */
  readonly memory: readonly { readonly own: number; readonly files: number }[];
  /** Milliseconds of each call, its connection among them. */
  readonly times: readonly number[];
}

const memory = (): SeenImage["memory"][number] => ({
  own: groupField("memory.stat", "anon"),
  files: groupField("memory.stat", "file"),
});

const [rootfs = "", start = "", calls = "1000"] = process.argv.slice(2);
await using sidecar = await startLimited(rootfs, start);
const [runtime] = await sidecar.runtimes();

const domains = new Set<string>();
const seen: SeenImage["memory"][number][] = [];
const times: number[] = [];
for (let at = 0; at < Number(calls); at++) {
  const [milliseconds, domain] = await timeCall(sidecar, defineLarge);
  domains.add(domain);
  times.push(milliseconds);
  if (at === 0) seen.push(memory());
}
seen.push(memory());
process.stdout.write(
  JSON.stringify({
    domains: [...domains],
    domainBytes: LARGE_DOMAIN.length,
    outOfMemory: groupField("memory.events", "oom_kill"),
    replaced: (await sidecar.runtimes())[0] === runtime ? 0 : 1,
    memoryLimit: Number(readGroup("memory.max")),
    memory: seen,
    times,
  } satisfies SeenImage),
);
