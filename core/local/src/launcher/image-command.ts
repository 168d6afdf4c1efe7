import type { Image } from "./image.ts";

/** A command that runs a program of the image's, shut off: it sees the image, and of the machine what the options `shown` bind for it. */
export const imageCommand = ({ rootfs }: Pick<Image, "rootfs">, argv: readonly string[], shown: readonly string[]): readonly string[] => [
  ...["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", rootfs, "/"],
  ...["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
  ...shown,
  ...argv,
];
