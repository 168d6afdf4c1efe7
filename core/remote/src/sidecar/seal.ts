import { createHash } from "node:crypto";

/** The name of the file that says, beside a sidecar's attach socket, that the machine's uid 0 made this request. */
export const SEAL_FILE = "attach.seal";

/** The seal of an attached VM's bytes: their SHA-256 in lower-case hexadecimal digits. */
export const sealOf = (attachedVm: Uint8Array): string => createHash("sha256").update(attachedVm).digest("hex");
