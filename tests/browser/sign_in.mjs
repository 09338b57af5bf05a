// Signs in to the example `accounts` at a real OpenID provider in Chromium, as a person does.
//
// It reads `{ executable, base, provider, http2, javascript, pictures }` from standard input, and writes a line of JSON for each step. With
// `pictures`, the path of a folder, it also looks at pages: see `look.mjs`.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import { looker } from "./look.mjs";

const { executable, base, provider, http2, javascript, pictures } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: executable,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", ...(http2 ? [] : ["--disable-http2"]),
  ],
});
const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: javascript });
context.setDefaultTimeout(20_000);
const page = await context.newPage();
const look = looker(pictures);
const path = (page) => page.url().slice(base.length);

async function step(name, action) {
  await action();
  console.log(JSON.stringify({ step: name }));
}

async function signIn(page) {
  await page.getByRole("link", { name: /^Sign in with/ }).click();
}

await step("a page of the application leads to the login page", async () => {
  await page.goto(`${base}/app/sessions`);
  assert.match(path(page), /^\/login\?/);
  await look(page, "login-provider");
});

await step("the link leads to the login form of the provider", async () => {
  await signIn(page);
  await page.waitForSelector('input[name="login"]');
  assert.ok(page.url().startsWith(`${provider}/`), page.url());
});

/// Fills in the forms of the provider.
async function answerTheProvider(page) {
  await page.fill('input[name="login"]', "ada");
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
  await page.waitForSelector('input[name="prompt"][value="consent"]', { state: "attached" });
  await page.click('button[type="submit"]');
  await page.waitForURL(`${base}/**`);
}

/// The answer of the provider that the page has used.
let answer;

await step("login and consent lead back to the page that was asked for", async () => {
  page.on("request", (request) => {
    if (request.url().startsWith(`${base}/sign-in/callback?`)) answer ??= request.url();
  });
  await answerTheProvider(page);
  assert.equal(path(page), "/app/sessions");
  assert.ok(await page.getByRole("button", { name: "Log out" }).count(), "the person is logged in");
});

await step("nothing of the sign-in stays in the browser", async () => {
  const cookies = await context.cookies(base);
  assert.equal(cookies.filter(({ name }) => name.startsWith("__Host-sign-in")).length, 0, JSON.stringify(cookies));
  await page.reload();
  assert.equal(path(page), "/app/sessions");
});

await step("an answer of the provider cannot be used again", async () => {
  assert.match(answer, /[?&]code=.*&state=|[?&]state=.*&code=/);
  const response = await page.goto(answer);
  assert.equal(response.status(), 400);
  await look(page, "sign-in-refused");
});

await step("two tabs do not disturb each other", async () => {
  const other = await context.newPage();
  await context.clearCookies({ domain: "localhost" });
  for (const tab of [page, other]) {
    await tab.goto(`${base}/login?return_to=/app/sessions`);
  }
  for (const tab of [other, page]) {
    // The provider still knows the person.
    await signIn(tab);
    await tab.waitForURL(`${base}/app/sessions`);
  }
  await other.close();
});

await step("a logout ends the session here", async () => {
  await page.goto(`${base}/app/sessions`);
  await page.getByRole("button", { name: "Log out" }).click();
  await look(page, "logged-out-provider");
  const other = await context.newPage();
  await other.goto(`${base}/app/sessions`);
  assert.match(path(other), /^\/login\?/);
  await other.close();
});

await step("a link leads to the logout at the provider, which leads back", async () => {
  await page.getByRole("link", { name: "Log out there too" }).click();
  await page.waitForSelector('button[name="logout"]');
  assert.ok(page.url().startsWith(`${provider}/`), page.url());
  await page.click('button[name="logout"]');
  await page.waitForURL(`${base}/`);
  await page.goto(`${base}/login`);
  await signIn(page);
  await page.waitForSelector('input[name="login"]');
});

await step("a logout at the provider alone ends the session here", async () => {
  await page.goto(`${base}/login?return_to=/app/sessions`);
  await signIn(page);
  await answerTheProvider(page);
  assert.equal(path(page), "/app/sessions");
  const other = await context.newPage();
  await other.goto(`${provider}/session/end`);
  await other.click('button[name="logout"]');
  await other.waitForLoadState();
  await page.goto(`${base}/app/sessions`);
  assert.match(path(page), /^\/login\?/);
});

await browser.close();
