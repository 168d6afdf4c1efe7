import type { Binding, Migration } from "@netbind/contract";
import { defined } from "@netbind/contract";
import type { Grants, GrantsByBinding } from "@netbind/engine";
import type { FallbackImage } from "@netbind/kubevirt";
import type { Registration } from "./network-binding.ts";

/** A binding of this release, as the controller registers it and asks it. */
export interface ReleasedEntry extends Pick<Binding, "admit" | "needs"> {
  readonly image: FallbackImage;
  readonly migration: Migration;
  /** What it may do as long as an administrator grants nothing else. */
  readonly grants: Partial<Grants>;
  /** Absent: KubeVirt's own key serves it, and it is not registered. */
  readonly registration?: Registration;
  /** False: its NICs take no sidecar. */
  readonly hasSidecar: boolean;
}

/** This release's bindings by name. */
export type Release = ReadonlyMap<string, ReleasedEntry>;

/** What a release is made of. */
export interface ReleaseParts {
  readonly plugins: ReadonlyMap<string, Pick<Binding, "admit" | "needs" | "migration">>;
  readonly images: Readonly<Record<string, FallbackImage>>;
  readonly grants: GrantsByBinding;
  readonly registrations: ReadonlyMap<string, Registration & { readonly hasSidecar: boolean }>;
  /** The registry that has the images, such as `registry.example/mirror`; absent: they are named as they are. */
  readonly imageRegistry?: string;
}

const prefixed = (image: FallbackImage, registry: string | undefined): FallbackImage =>
  registry === undefined ? image : { ...image, image: `${registry}/${image.image}` };

/** A release's bindings, each with what is registered of it. */
export const releaseOf = ({ plugins, images, grants, registrations, imageRegistry }: ReleaseParts): Release =>
  new Map(
    [...plugins].flatMap(([name, { admit, needs, migration }]) => {
      const image = images[name];
      if (image === undefined) return [];
      const { hasSidecar = false, ...registration } = registrations.get(name) ?? {};
      const registered = registrations.has(name) ? registration : undefined;
      const entry = { image: prefixed(image, imageRegistry), admit, needs, migration, hasSidecar };
      const granted = { grants: grants[name] ?? {} };
      return [[name, { ...entry, ...granted, ...defined({ registration: registered }) }] as const];
    }),
  );
