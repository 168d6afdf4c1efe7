import { libvirtVersionOf } from "@netbind/domain";
import { expect, test } from "vitest";

test("libvirt's version is in its library's name", () => {
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.10010.3", "libvirt-qemu.so.0.9000.0"])).toBe("10.10.3");
  expect(libvirtVersionOf(["libvirt.so.0.9005.0"])).toBe("9.5.0");
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.1.2", "libvirt.so.0.9005.0.bak", "x"])).toBeUndefined();
});
