#!/usr/bin/python3
"""Compiles the filter of system calls that sandboxes run under, by libseccomp, and prints it in base64.

What is let through is all but this: a program that a hostile guest or plugin took over can do nothing with these calls that a
DHCP server or a sidecar does, and most of the kernel's faults of the last years were behind one of them.
"""

import base64
import errno
import tempfile

import seccomp

DENIED = (
    # Namespaces, mounts and roots: a sandbox makes no other.
    "unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr "
    "name_to_handle_at open_by_handle_at fanotify_init quotactl quotactl_fd "
    # Other processes.
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp move_pages migrate_pages "
    # What programs the kernel, or asks it to do work on its own.
    "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
    # Keys belong to a user, not to a sandbox.
    "add_key request_key keyctl "
    # The machine's.
    "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct syslog "
    "settimeofday clock_settime clock_adjtime adjtimex ioperm iopl sethostname setdomainname vhangup "
    # No program calls these any more.
    "modify_ldt uselib ustat sysfs _sysctl nfsservctl lookup_dcookie"
).split()
NAMESPACES = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET.
SOCKETS = (1, 2, 10, 16, 17)

program = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
for name in DENIED:
    program.add_rule(seccomp.ERRNO(errno.EPERM), name)
for flag in NAMESPACES:
    program.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
# Its flags are behind a pointer, which no filter follows: the C library goes back to clone.
program.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
for family in range(max(SOCKETS)):
    if family not in SOCKETS:
        program.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
program.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.GT, max(SOCKETS)))

with tempfile.TemporaryFile() as compiled:
    program.export_bpf(compiled)
    compiled.seek(0)
    print(base64.b64encode(compiled.read()).decode())
