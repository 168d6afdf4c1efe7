/** The chart's README: its values with their defaults, from what values.yaml says of each, in helm-docs' form. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, type Pair, parseDocument } from "yaml";
import { CHART } from "./chart.ts";

/** A value, with what is said of it. */
export interface DocumentedValue {
  /** Such as `controller.replicas`. */
  readonly path: string;
  readonly value: unknown;
  /** Undefined: nothing is said of it, nor of what it is in. */
  readonly about: string | undefined;
}

const MARK = /^ ?-- /;

/** What a comment says of the value behind it: from its last "--" on. */
function aboutOf(comment: string | null | undefined): string | undefined {
  const lines = (comment ?? "").split("\n");
  const begin = lines.findLastIndex((line) => MARK.test(line));
  if (begin < 0) return undefined;
  return lines
    .slice(begin)
    .map((line) => line.replace(MARK, "").trim())
    .join(" ");
}

function read(pairs: readonly Pair[], before: string, comment: string | null | undefined): readonly DocumentedValue[] {
  return pairs.flatMap((pair, at): readonly DocumentedValue[] => {
    if (!isScalar(pair.key)) return [];
    const path = `${before}${String(pair.key.value)}`;
    // What stands before the first key of a map is the map's.
    const about = aboutOf(pair.key.commentBefore ?? (at === 0 ? comment : undefined));
    const value = isMap(pair.value) || isScalar(pair.value) ? (pair.value.toJSON() as unknown) : undefined;
    const given = value === undefined ? (pair.value as { toJSON(): unknown }).toJSON() : value;
    if (about !== undefined) return [{ path, value: given, about }];
    if (!isMap(pair.value) || pair.value.items.length === 0) return [{ path, value: given, about: undefined }];
    return read(pair.value.items as readonly Pair[], `${path}.`, pair.value.commentBefore);
  });
}

/** All values of the chart. */
export function documentedValues(): readonly DocumentedValue[] {
  const { contents, commentBefore } = parseDocument(readFileSync(join(CHART, "values.yaml"), "utf8"));
  if (!isMap(contents)) throw new Error("values.yaml is not a map");
  return read(contents.items as readonly Pair[], "", contents.commentBefore ?? commentBefore);
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The README of the chart. */
export function chartPage(): string {
  const rows = documentedValues().map(({ path, value, about = "" }) => [
    `\`${path}\``,
    `\`${cell(JSON.stringify(value))}\``,
    cell(about),
  ]);
  return [
    "# Netbind's Helm chart",
    "",
    "It installs [the controller](../../docs/controller.md), [the node agent](../../docs/agent.md) and this release's bindings",
    "on a cluster with KubeVirt, by helm 3 or 4. [The page on installation](../../docs/install.md) says how, and what an",
    "update and a removal do. This page follows from `values.yaml`.",
    "",
    "| value | default | meaning |",
    "| --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
    "Of each entry of `plugins`:",
    "",
    "- `enabled`: whether there is a NetworkBinding of that name",
    "- `image`: the sidecar's image, in the place of this release's; pin it by a digest",
    "- `fallback`: whether this release's image serves where none is given: `Always`, `SlirpOnly` or `Never`",
    "- `registration`: what the KubeVirt CR registers beside the image; empty: what this release's binding needs",
    "- `grants`: what plans of the binding may do; a list that is given replaces this release's",
    "",
  ].join("\n");
}
