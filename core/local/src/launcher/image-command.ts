import { OVER_FRESH_PROC } from "@netbind/netns";
import type { Image } from "./image.ts";

/** A command that runs a program of the image's, shut off: it sees the image, and of the machine what the options `shown` bind for it. */
export const imageCommand = ({ rootfs }: Pick<Image, "rootfs">, argv: readonly string[], shown: readonly string[]): readonly string[] => [
  // Where there are no user namespaces it is the machine's root that runs it: without any capability.
  ...[...OVER_FRESH_PROC, "bwrap", "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--ro-bind", rootfs, "/"],
  ...["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
  ...shown,
  ...argv,
];
