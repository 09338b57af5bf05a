// Walks through all pages of the example `accounts` in Chromium, as a person does.
//
// It reads `{ executable, base, http2, javascript, pictures, admin: { email, password } }` from standard input, and writes a line of JSON
// for each step. With `pictures`, the path of a folder, it also looks at each page: see `look.mjs`.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import { looker } from "./look.mjs";

const { executable, base, http2, javascript, pictures, admin } = JSON.parse(await text(process.stdin));
const ada = { name: "Ada Lovelace", email: "ada@example.com", password: "a pass phrase of Ada" };
const hostile = `<img src=x onerror="document.title='run'"> & <b>"bold"</b>`;
const WAIT = 20_000;

const browser = await chromium.launch({
  executablePath: executable,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", ...(http2 ? [] : ["--disable-http2"]),
  ],
});

async function visitor() {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: javascript });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on("dialog", () => assert.fail("a script of a user has run"));
  page.on("console", (message) => {
    // The browser reports each status of an error. Anything else would be blocked or broken content.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) assert.fail(message.text());
  });
  return page;
}

const open = async (page, path, status = 200) => {
  const response = await page.goto(base + path);
  assert.equal(response.status(), status, path);
};
const path = (page) => page.url().slice(base.length);
const heading = async (page) => (await page.locator("h1").textContent()).trim();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const link = (page, name) => page.getByRole("link", { name, exact: true });

async function step(name, action) {
  await action();
  console.log(JSON.stringify({ step: name }));
}

const look = looker(pictures);

async function logIn(page, { email, password }) {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await button(page, "Log in").click();
}

try {
  const page = await visitor();

  await step("the start page, over the protocol of this run", async () => {
    await open(page, "/");
    await look(page, "home");
    const protocol = await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol);
    assert.equal(protocol, http2 ? "h2" : "http/1.1");
  });

  await step("a visitor is led to the login, and the page of the login keeps the way back", async () => {
    await page.goto(base + "/app/keys");
    assert.equal(path(page), "/login?return_to=%2Fapp%2Fkeys");
    assert.match(await page.getByRole("status").textContent(), /^Log in to see the page/);
    await look(page, "login");
  });

  await step("a registration with a mistake keeps what was entered, but not the password", async () => {
    await link(page, "Create an account").click();
    await look(page, "register");
    await page.getByLabel("Name").fill("   ");
    await page.getByLabel("Email").fill(ada.email);
    await page.getByLabel("Password").fill(ada.password);
    await button(page, "Create the account").click();
    const name = page.getByLabel("Name");
    assert.equal(await name.getAttribute("aria-invalid"), "true");
    const described = await name.getAttribute("aria-describedby");
    assert.match(await page.locator(`#${described}`).textContent(), /^Enter your name/);
    assert.equal(await page.getByLabel("Email").inputValue(), ada.email);
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    await look(page, "register-mistake");
    await name.fill(ada.name);
    await page.getByLabel("Password").fill(ada.password);
    await button(page, "Create the account").click();
    assert.equal(path(page), "/app");
    assert.equal(await heading(page), "Documents");
    await look(page, "documents-none");
  });

  await step("a document is made, found, edited and deleted; its title is text and not markup", async () => {
    await link(page, "New document").click();
    await look(page, "document-new");
    await page.getByLabel("Title").fill("Notes on the engine");
    await page.getByLabel("Text").fill("It weaves algebraic patterns,\njust as the loom weaves flowers and leaves.");
    await button(page, "Save").click();
    await link(page, "New document").click();
    await page.getByLabel("Title").fill(hostile);
    await button(page, "Save").click();
    assert.equal(await page.getByRole("status").textContent(), "The document was created.");
    assert.equal(await page.locator("main img, main b").count(), 0);
    assert.notEqual(await page.title(), "run");
    await look(page, "documents");
    await page.getByLabel("Search in the titles").fill("engine");
    await button(page, "Search").click();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await link(page, "Notes on the engine").click();
    await look(page, "document");
    await link(page, "Edit").click();
    await page.getByLabel("Title").fill(" ");
    await button(page, "Save").click();
    assert.equal(await page.getByLabel("Title").getAttribute("aria-invalid"), "true");
    assert.match(await page.getByLabel("Text").inputValue(), /^It weaves algebraic patterns,\njust/);
    await look(page, "document-mistake");
    await page.getByLabel("Title").fill("Notes on the analytical engine");
    await button(page, "Save").click();
    assert.equal(await page.getByRole("status").textContent(), "Your changes were saved.");
    await page.locator("tr", { hasText: "<img" }).getByRole("link", { name: "Delete" }).click();
    await look(page, "document-delete");
    await button(page, "Delete the document").click();
    assert.equal(await page.getByRole("status").textContent(), "The document was deleted.");
    assert.equal(await page.locator("tbody tr").count(), 1);
  });

  const other = await visitor();
  await step("a login by keyboard only, which returns to the page that was wanted", async () => {
    await open(other, "/login?return_to=/app/sessions");
    await other.keyboard.press("Tab");
    assert.equal(await other.locator(":focus").textContent(), "Skip to the content");
    await other.keyboard.press("Enter");
    for (const entered of [ada.email, ada.password]) {
      await other.keyboard.press("Tab");
      await other.keyboard.type(entered);
    }
    await other.keyboard.press("Tab");
    await Promise.all([other.waitForURL("**/app/sessions"), other.keyboard.press("Enter")]);
    assert.equal(await heading(other), "Sessions");
  });

  await step("the list of sessions shows both, and ends the other one", async () => {
    await link(page, "Sessions").click();
    assert.equal(await page.locator("tbody tr").count(), 2);
    assert.equal(await page.getByText("this session", { exact: true }).count(), 1);
    assert.match(await page.locator("tbody").textContent(), /Chrome on Linux/);
    await look(page, "sessions");
    await page.locator("tr", { hasNotText: "this session" }).getByRole("button").click();
    assert.equal(await page.getByRole("status").textContent(), "The session has ended.");
    assert.equal(await page.locator("tbody tr").count(), 1);
    await other.reload();
    assert.equal(await other.locator("table").count(), 0);
    await open(page, "/app");
  });

  await step("a key is created, shown once and removed", async () => {
    await link(page, "API keys").click();
    await look(page, "keys-none");
    await page.getByLabel("Name").fill("backup at home");
    await button(page, "Create the key").click();
    assert.match(await page.locator(".key").textContent(), /^accounts_[0-9a-f_]{100,}$/);
    await look(page, "key-created");
    await link(page, "I have copied it").click();
    assert.equal(await page.getByText("accounts_").count(), 0);
    await look(page, "keys");
    await page.getByRole("link", { name: "Remove backup at home" }).click();
    await look(page, "key-remove");
    await button(page, "Remove the key").click();
    assert.equal(await page.getByRole("status").textContent(), "The key was removed. It does not work any more.");
  });

  await step("a user sees no pages of administrators", async () => {
    assert.equal(await link(page, "Users").count(), 0);
    await open(page, "/app/users", 403);
    assert.equal(await heading(page), "You may not do this");
    await look(page, "forbidden");
    await open(page, "/app/documents/00000000-0000-4000-8000-000000000000", 404);
    await look(page, "missing");
  });

  const boss = await visitor();
  await step("an administrator reads the policies and changes a role, which ends the sessions of the account", async () => {
    await open(boss, "/login");
    await logIn(boss, admin);
    await link(boss, "Policies").click();
    assert.ok((await boss.locator("tbody tr").count()) > 50);
    await look(boss, "policies");
    await link(boss, "Users").click();
    await look(boss, "users");
    await link(boss, ada.name).click();
    await look(boss, "user");
    await boss.getByLabel("Role", { exact: true }).selectOption("editor");
    await button(boss, "Change the role").click();
    assert.match(await boss.getByRole("status").textContent(), /^The role was changed/);
    await page.goto(base + "/app/keys");
    assert.notEqual(await heading(page), "API keys");
    await open(page, "/login?return_to=/app/keys");
    await logIn(page, ada);
    assert.equal(await page.getByLabel("Read the statistics").count(), 1);
  });

  await step("a deleted account is logged out at once", async () => {
    await open(boss, "/app/users");
    await link(boss, ada.name).click();
    await link(boss, "Delete …").click();
    await look(boss, "user-delete");
    await button(boss, "Delete the account").click();
    assert.equal(await boss.getByRole("status").textContent(), "The account was deleted.");
    await page.goto(base + "/app/keys");
    assert.notEqual(await heading(page), "API keys");
  });

  await step("after the logout, the back button shows nothing", async () => {
    await button(boss, "Log out").click();
    assert.equal(await heading(boss), "You have logged out");
    await look(boss, "logged-out");
    await boss.goBack();
    assert.notEqual(await heading(boss), "Users");
    assert.equal(await boss.locator("table").count(), 0);
    assert.equal((await boss.context().cookies()).length, 0);
  });

  await step("five wrong passwords: the sixth is not tried, and the page says how long to wait", async () => {
    const guesser = await visitor();
    await open(guesser, "/login");
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await logIn(guesser, { email: admin.email, password: `guess ${attempt}` });
      assert.match(await guesser.getByRole("alert").textContent(), /do not match/);
      assert.equal(await guesser.getByLabel("Email").inputValue(), admin.email);
      assert.equal(await guesser.getByLabel("Password").inputValue(), "");
    }
    await look(guesser, "login-rejected");
    await logIn(guesser, admin);
    assert.equal(await heading(guesser), "Too many attempts");
    assert.match(await guesser.getByRole("alert").textContent(), /^Please wait 1[45] minutes/);
    await look(guesser, "too-many");
    await link(guesser, "Back to the form").click();
    assert.equal(await heading(guesser), "Log in");
  });
} finally {
  await browser.close();
}
