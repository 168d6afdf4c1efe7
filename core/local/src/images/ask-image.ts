import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec } from "@netbind/netns";
import { MissingImageError } from "./errors.ts";
import { readRegistryImage } from "./image-source.ts";
import { askManifest } from "./skopeo.ts";

/** Whether a registry has an image, or why that is not known. */
export type ImageAnswer = "there" | { readonly missing: true } | { readonly unknown: string };

const PROGRAMS = ["skopeo", "bwrap"] as const;

async function ask(image: string, exec: Exec, signal: AbortSignal): Promise<ImageAnswer> {
  const workspace = mkdtempSync(join(tmpdir(), "netbind-ask-"));
  try {
    await askManifest({ exec, workspace, signal }, readRegistryImage(image));
    return "there";
  } catch (error) {
    const { message } = error as Error;
    return error instanceof MissingImageError ? { missing: true } : { unknown: message };
  } finally {
    rmSync(workspace, { recursive: true });
  }
}

/**
 * Asks a registry for an image from this machine, with this user's passwords. A registry that does not
 * answer says nothing of the image: a cluster's nodes may reach other registries, and with other passwords.
 *
 * @param deadline  milliseconds
 */
export async function askImage(image: string, exec: Exec, deadline: number): Promise<ImageAnswer> {
  const missing = PROGRAMS.filter((name) => !existsSync(join("/usr/bin", name)));
  if (missing.length > 0) return { unknown: `image ${image}: ${missing.join(" and ")} is not on this machine` };
  const signal = AbortSignal.timeout(deadline);
  const answer = await ask(image, exec, signal);
  return signal.aborted ? { unknown: `image ${image}: its registry does not answer in ${deadline / 1000} s` } : answer;
}
