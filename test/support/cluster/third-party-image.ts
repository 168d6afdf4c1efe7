/** A third party's binding as an image of the cluster's registry, made as its author makes it: of an image of this release. */
import { exec } from "@netbind/netns";
import { BUNDLE_DIRECTORY } from "../../../sidecars/images/recipes.ts";
import { bundlePlugin } from "../build/bundle.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { pushChanged } from "./registry.ts";

/** Puts the image of a plugin of the tests there, `base` with the plugin in the place of its own. Gives its name by digest. */
export function pushThirdParty(directory: ClusterDirectory, plugin: string, base: string): Promise<string> {
  const bundle = bundlePlugin(plugin, directory.path).slice(`${plugin}=`.length);
  return pushChanged(directory, { image: base, name: plugin }, async (layout) => {
    await exec(["umoci", "insert", "--image", `${layout}:${plugin}`, bundle, `/${BUNDLE_DIRECTORY}/sidecar.mjs`]);
  });
}
