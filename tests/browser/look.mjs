// Looks at a page: axe-core must find no violation in light and dark, at a wide and at a narrow width, nothing may be wider than the
// window, and a picture of each is written.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

let axe;
const seen = new Set();

/// Returns a function that looks at the page that is shown, once under each name. Without a folder for pictures it does nothing.
export const looker = (pictures) => async (page, name) => {
  if (!pictures || seen.has(name)) return;
  seen.add(name);
  await mkdir(pictures, { recursive: true });
  axe ??= await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 375]) {
      await page.setViewportSize({ width, height: width === 375 ? 740 : 800 });
      await page.evaluate(axe);
      const options = { rules: { "target-size": { enabled: true } } };
      const results = await page.evaluate((options) => globalThis.axe.run(options), options);
      // It was able to measure the contrast of every text.
      const measured = ({ id }) => id === "color-contrast";
      assert.ok(results.passes.some(measured) && !results.incomplete.some(measured), name);
      const found = results.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
      assert.deepEqual(found, [], `${name}, ${colorScheme}, ${width}`);
      const height = await page.evaluate(() => Math.min(document.documentElement.scrollHeight, 1_600));
      const clip = { x: 0, y: 0, width, height };
      await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true, clip });
    }
  }
  // A window of 640 pixels is what a zoom of 200 % leaves of 1280.
  for (const width of [320, 640]) {
    await page.setViewportSize({ width, height: 700 });
    const needed = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(needed <= width, `${name} needs ${needed} of ${width} pixels`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width: 1280, height: 800 });
};
