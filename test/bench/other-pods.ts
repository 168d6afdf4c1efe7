/** The other pods of a node, made and removed by a process of their own as it is asked. Usage: other-pods.ts STATE-DIRECTORY COUNT */
import { BenchNode, NAMES } from "./bench-node.ts";

/** Addresses that no VM of the asking process has. */
const FIRST_ADDRESS = 0x8000;

const [directory = "", count = "0"] = process.argv.slice(2);
const node = new BenchNode(directory, FIRST_ADDRESS);
const names = Array.from({ length: Number(count) }, (_, at) => `other-${at + 1}`);

const STEPS = {
  up: async () => {
    for (const [at, name] of names.entries()) await node.up(name, NAMES[at % NAMES.length] ?? "slirp");
  },
  down: async () => {
    for (const name of names) await node.down(name);
  },
};

process.on("message", async (what: keyof typeof STEPS) => {
  await STEPS[what]();
  process.send?.(what);
});
