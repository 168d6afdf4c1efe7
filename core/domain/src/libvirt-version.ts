/** Where distributions have libvirt's library, from the root of its file system. */
export const LIBVIRT_DIRECTORIES: readonly (readonly string[])[] = [
  ["usr", "lib64"],
  ["usr", "lib", "x86_64-linux-gnu"],
  ["usr", "lib", "aarch64-linux-gnu"],
  ["usr", "lib", "s390x-linux-gnu"],
];

/**
 * libvirt's version, by the name of its library: `libvirt.so.0.10010.0` is of 10.10.0. Gives `MAJOR.MINOR.MICRO`; undefined
 * where no name is such a library's.
 */
export function libvirtVersionOf(names: readonly string[]): string | undefined {
  for (const name of names) {
    const [, release, micro] = /^libvirt\.so\.0\.(\d{4,6})\.(\d{1,3})$/.exec(name) ?? [];
    if (release !== undefined) return `${Math.floor(Number(release) / 1000)}.${Number(release) % 1000}.${micro}`;
  }
  return undefined;
}
