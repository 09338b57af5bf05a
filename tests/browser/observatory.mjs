// Scans one page with MDN's HTTP Observatory, and prints its grade, its score and the results of its tests as JSON.
//
// The argument is host, port and path, such as `localhost:8443/`. The packages are installed without their scripts, which would
// download the list of preloaded domains: an empty list takes its place.
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const library = dirname(dirname(fileURLToPath(import.meta.resolve("@mdn/mdn-http-observatory"))));
const preloaded = join(library, "conf", "hsts-preload.json");
if (!existsSync(preloaded)) writeFileSync(preloaded, "{}");

const { scan } = await import("@mdn/mdn-http-observatory");
const { scan: { grade, score }, tests } = await scan(process.argv[2]);
const results = Object.fromEntries(Object.entries(tests).map(([name, { pass, result }]) => [name, { pass, result }]));
console.log(JSON.stringify({ grade, score, results }));
