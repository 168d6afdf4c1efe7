/** An earlier version of the chart, as it could have been: this one without a value, and without a field of its CRD. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { CHART } from "./chart.ts";
import { buildHelm } from "./helm.ts";

/** Its version, which comes before this one's. */
export const EARLIER_VERSION = "0.0.0-earlier";

/** What it has not: in each file from one text up to the next. */
const WITHOUT: readonly (readonly [file: string, from: string, to: string])[] = [
  ["values.yaml", "  # -- What is logged:", "  # -- What a replica requests"],
  ["templates/controller/deployment.yaml", "            - --log-level=", "          ports:"],
  ["templates/network-binding-crd.yaml", "                    capabilities:", "            status:\n"],
];

/** A text without a part. @throws Error where it has no such part: the chart has changed */
function without(text: string, from: string, to: string): string {
  const begin = text.indexOf(from);
  const end = text.indexOf(to, begin);
  if (begin < 0 || end < 0) throw new Error(`the chart has no part from ${JSON.stringify(from)}`);
  return text.slice(0, begin) + text.slice(end);
}

/** Takes the value out of the schema, which refuses what it does not know. */
function withoutLogLevel(schema: string): string {
  const read = JSON.parse(schema) as { properties: { controller: { properties: Record<string, unknown> } } };
  delete read.properties.controller.properties["logLevel"];
  return JSON.stringify(read);
}

/** Packages it into a directory. Gives the package's path. */
export async function packageEarlier(directory: string): Promise<string> {
  const chart = join(directory, "earlier-chart");
  cpSync(CHART, chart, { recursive: true });
  const edit = (file: string, change: (text: string) => string): void => {
    const path = join(chart, file);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  };
  for (const [file, from, to] of WITHOUT) edit(file, (text) => without(text, from, to));
  edit("values.schema.json", withoutLogLevel);
  const version = [`--version=${EARLIER_VERSION}`, `--app-version=${EARLIER_VERSION}`];
  await exec([buildHelm(3), "package", chart, `--destination=${directory}`, ...version]);
  return join(directory, `netbind-${EARLIER_VERSION}.tgz`);
}
