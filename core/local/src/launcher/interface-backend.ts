import { existsSync } from "node:fs";

/** True where this kernel can move packets between a tap and its guest. */
export const hasVhost = (): boolean => existsSync("/dev/vhost-net");

/** What moves a multiqueue NIC's packets on this machine. */
export const interfaceBackend = (): "vhost" | "qemu" => (hasVhost() ? "vhost" : "qemu");
