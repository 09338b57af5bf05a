// Opens pages of several origins in Chromium, and lets each send every kind of request to the API.
//
// It reads `{ executable, api, cases: [{ id, page, kind, url, sandbox }] }` from standard input, and writes one line of JSON for each case:
// what the page saw.
import { chromium } from "playwright-core";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const { executable, api, cases } = JSON.parse(await text(process.stdin));
const WAIT = 10_000;

// What runs inside of a page. Each returns what the page learned.
const inPage = {
  async load({ url, init }) {
    try {
      const response = await fetch(url, init);
      if (response.type === "opaque") return "sent, not readable";
      await response.text();
      return `read ${response.status}`;
    } catch {
      return "not readable";
    }
  },
  element({ url, tag }) {
    return new Promise((resolve) => {
      const element = document.createElement(tag);
      element.onload = () => resolve("loaded");
      element.onerror = () => resolve("not loaded");
      element.src = url;
      document.body.append(element);
    });
  },
  socket({ url }) {
    return new Promise((resolve) => {
      const socket = new WebSocket(url.replace("https:", "wss:"));
      socket.onopen = () => { resolve("open"); socket.close(); };
      socket.onerror = () => resolve("not open");
    });
  },
  form({ url }) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = url;
    form.target = "_top";
    document.body.append(form);
    form.submit();
  },
  link({ url }) {
    location.href = url;
  },
};

const json = { "content-type": "application/json" };
const fetches = {
  "GET": {},
  "GET with cookie": { credentials: "include" },
  "POST with cookie": { method: "POST", credentials: "include" },
  "POST of JSON with cookie": { method: "POST", credentials: "include", headers: json, body: "{}" },
  "PUT with cookie": { method: "PUT", credentials: "include" },
  "GET with an unlisted header": { headers: { "x-unlisted": "1" } },
  "POST no-cors": { method: "POST", mode: "no-cors", credentials: "include" },
};

// A frame without an origin of its own, because it is sandboxed.
async function sandboxed(page) {
  await page.evaluate(() => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts allow-forms allow-top-navigation";
    frame.onload = resolve;
    frame.srcdoc = "<!doctype html><body></body>";
    document.body.append(frame);
  }));
  return page.frames().find((frame) => frame !== page.mainFrame());
}

async function navigated(page, from, action, url) {
  const response = page.waitForResponse((response) => response.url() === url, { timeout: WAIT });
  // The page that runs the action may be gone before it has returned.
  from.evaluate(action, { url }).catch(() => {});
  const status = (await response).status();
  await page.waitForURL(url, { timeout: WAIT });
  const title = await page.title();
  return title ? `shown ${status}, titled "${title}"` : `shown ${status}`;
}

async function run(page, { kind, url, sandbox }) {
  const from = sandbox ? await sandboxed(page) : page;
  const init = fetches[kind];
  if (init) return await from.evaluate(inPage.load, { url, init });
  switch (kind) {
    case "img": return await from.evaluate(inPage.element, { url, tag: "img" });
    case "script": return await from.evaluate(inPage.element, { url, tag: "script" });
    case "WebSocket": return await from.evaluate(inPage.socket, { url });
    case "form POST": return await navigated(page, from, inPage.form, url);
    case "top-level GET": return await navigated(page, from, inPage.link, url);
    case "frame": {
      await page.evaluate((url) => new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.onload = resolve;
        frame.src = url;
        document.body.append(frame);
      }), url);
      const frame = page.frames().find((frame) => frame !== page.mainFrame());
      return await frame.evaluate(() => location.protocol === "chrome-error:" ? "not framed" : "framed");
    }
    default: throw new Error(`unknown kind ${kind}`);
  }
}

// A profile that lets cookies through to other sites. Many browsers block them, and then the API is not what protects the user.
const profile = await mkdtemp(join(tmpdir(), "profile-"));
await mkdir(join(profile, "Default"));
await writeFile(
  join(profile, "Default", "Preferences"),
  JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }),
);
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: executable,
  headless: true,
  ignoreHTTPSErrors: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * 127.0.0.1",
  ],
});
try {
  await browser.addCookies([
    { name: "session", value: "alice", url: api, httpOnly: true, secure: true, sameSite: "None" },
  ]);
  const page = await browser.newPage();
  for (const one of cases) {
    await page.goto(one.page, { timeout: WAIT });
    const saw = await run(page, one).catch((error) => `failed: ${error.message.split("\n")[0]}`);
    console.log(JSON.stringify({ id: one.id, saw }));
  }
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
