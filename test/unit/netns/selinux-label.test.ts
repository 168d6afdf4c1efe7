import { selinuxLabelOf } from "@netbind/netns";
import { expect, test } from "vitest";

test.each([
  ["system_u:system_r:container_t:s0:c1,c2\0", "system_u:system_r:container_t:s0:c1,c2"],
  ["system_u:system_r:virt_launcher.process:s0:c12,c1023", "system_u:system_r:virt_launcher.process:s0:c12,c1023"],
  ["system_u:system_r:spc_t:s0\0\n", "system_u:system_r:spc_t:s0"],
  ["user_u:user_r:user_t:s0-s0:c0.c1023", "user_u:user_r:user_t:s0-s0:c0.c1023"],
])("%j is an SELinux label", (text, label) => {
  expect(selinuxLabelOf(text)).toBe(label);
});

test.each(["", "unconfined\n", "cri-containerd.apparmor.d (enforce)\n", ":ns://profile (enforce)", "a:b:c d", "a:b"])(
  "%j is none",
  (text) => {
    expect(selinuxLabelOf(text)).toBe(undefined);
  },
);
