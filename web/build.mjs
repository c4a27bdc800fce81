// Bundles the scripts of app and cockpit into the Python package, with the licences of what is in them.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const STATIC = "agent/strongroom/app/static";
const LICENSE = /^licen[cs]e/i;

const { metafile } = await build({
  entryPoints: ["web/app.ts", "web/cockpit.ts"], outdir: STATIC, bundle: true, minify: true,
  format: "iife", target: "es2022", legalComments: "none", metafile: true, logLevel: "error",
});
const packages = new Set(Object.keys(metafile.inputs).map(packageOf).filter(Boolean));
const texts = [...packages].sort().map((folder) => {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json")));
  return `${name} ${version}\n\n${readFileSync(licenseOf(folder), "utf8")}`;
});
writeFileSync(`${STATIC}/licenses.txt`, texts.join("\n\n"));

/** Return the folder of the package that a file is of. */
function packageOf(file) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

/** Return a package's licence; some keep it in the folder that ships them. */
function licenseOf(folder) {
  for (let here = folder; here !== "."; here = dirname(here)) {
    const found = existsSync(here) && readdirSync(here).find((name) => LICENSE.test(name));
    if (found) return join(here, found);
  }
  throw new Error(`${folder} has no licence`);
}
