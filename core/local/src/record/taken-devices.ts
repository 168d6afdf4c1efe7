import { isObject } from "@netbind/contract/shape";
import { filesWith } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import type { AllocatedDevice } from "../networks/emulated-plugin.ts";
import type { State } from "./state.ts";

/** The field of a record that has a device; as a text in one, its quotes have backslashes. */
const FIELD = /(?<!\\)"device"\s*:\s*(?=\{)/g;
/** Texts are taken whole: a brace in one is none. */
const TEXT_OR_BRACE = /"(?:[^"\\]|\\.)*"|[{}]/g;

/** The object that begins at an index of a JSON text; "" where it does not end. */
function objectAt(json: string, start: number): string {
  let depth = 0;
  TEXT_OR_BRACE.lastIndex = start;
  for (let found = TEXT_OR_BRACE.exec(json); found !== null; found = TEXT_OR_BRACE.exec(json)) {
    if (found[0] === "{") depth += 1;
    if (found[0] === "}") depth -= 1;
    if (depth === 0) return json.slice(start, TEXT_OR_BRACE.lastIndex);
  }
  return "";
}

function parsed(json: string): readonly Partial<AllocatedDevice>[] {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? [value] : [];
  } catch {
    return [];
  }
}

/** The devices in a record's text: a node has many records, and to read and check each as a whole takes most of the time. */
const devicesIn = (json: string): readonly Partial<AllocatedDevice>[] =>
  [...json.matchAll(FIELD)].flatMap(({ 0: { length }, index }) => parsed(objectAt(json, index + length)));

/**
 * Devices of a resource that pods have: one that is a guest's as it is may be of several resources, and is one all the same.
 * What a damaged record still says of devices holds too: its pod may have them.
 */
export const takenDevices = (state: State, resource: string): readonly string[] =>
  filesWith(state.vms, PodRecordFile.fileIn(""), JSON.stringify("device"))
    .flatMap(devicesIn)
    .flatMap(({ id, resource: of, info }) => (id !== undefined && (of === resource || info !== undefined) ? [id] : []));
