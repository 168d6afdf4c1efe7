import { isObject } from "@netbind/contract/shape";
import { filesWith } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import type { AllocatedDevice } from "../networks/emulated-plugin.ts";
import type { State } from "./state.ts";

/** The field of a record that has a device; as a text in one, its quotes have backslashes. */
const FIELD = /(?<!\\)"device"\s*:\s*(?=\{)/g;
/** What says where an object ends: braces that are in no text. A quote in one has a backslash. */
const SIGN = /\\.|["{}]/gs;

/** The object that begins at an index of a JSON text; "" where it does not end. */
function objectAt(json: string, start: number): string {
  let depth = 0;
  let inText = false;
  SIGN.lastIndex = start;
  for (let found = SIGN.exec(json); found !== null; found = SIGN.exec(json)) {
    if (found[0] === '"') inText = !inText;
    if (inText) continue;
    if (found[0] === "{") depth += 1;
    if (found[0] === "}") depth -= 1;
    if (depth === 0) return json.slice(start, SIGN.lastIndex);
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
function devicesIn(json: string): readonly Partial<AllocatedDevice>[] {
  const devices: Partial<AllocatedDevice>[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.test(json)) {
    const object = objectAt(json, FIELD.lastIndex);
    // What does not end has all that follows in it.
    if (object === "") break;
    devices.push(...parsed(object));
    FIELD.lastIndex += object.length;
  }
  return devices;
}

/**
 * Devices of a resource that pods have: one that is a guest's as it is may be of several resources, and is one all the same.
 * What a damaged record still says of devices holds too: its pod may have them.
 */
export const takenDevices = (state: State, resource: string): readonly string[] =>
  filesWith(state.vms, PodRecordFile.fileIn(""), JSON.stringify("device"))
    .flatMap(devicesIn)
    .flatMap(({ id, resource: of, info }) => (id !== undefined && (of === resource || info !== undefined) ? [id] : []));
