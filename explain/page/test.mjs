// Tests the page in a browser, and compares it with the program:
//
//   NODE_MODULES=FOLDER node test.mjs PAGE PROGRAM SCREENSHOTS
//
// The folder has playwright-core and axe-core. The browser is Debian's chromium. The machine may be
// slow or paused, so times are printed and never checked.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [pageFile, program, screenshots] = process.argv.slice(2).map((it) => resolve(it));
const require = createRequire(join(resolve(process.env.NODE_MODULES), "any.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const vectors = fileURLToPath(new URL("../../spec-vectors", import.meta.url));

const MOST_BYTES = 350_000;
const MOST_SECONDS = 600; // for a step of the test
const WILL = "100d00044d515454040a003c000170"; // Will QoS 1, but no Will
const CONNECT = "100d00044d5154540402003c000170";

const folder = mkdtempSync(join(tmpdir(), "mqtt-wire-page."));
let context;
try {
  context = await chromium.launchPersistentContext(join(folder, "profile"), {
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
    timeout: 0,
    viewport: { width: 1000, height: 900 },
  });
  context.setDefaultTimeout(0);
  await test();
} finally {
  await context?.close();
  rmSync(folder, { recursive: true });
}

async function test() {
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));

  const size = statSync(pageFile).size;
  assert(size <= MOST_BYTES, `the page has ${size} bytes`);
  console.log(`page: ${size} bytes, ${context.browser()?.version() ?? "chromium"}`);

  for (const step of [measure, compareVectors, compareCapture, useThePage, surviveTrouble, checkAccessibility]) {
    await endHang(step.name, step(page));
  }

  assert.deepEqual(errors, ["TypeError: Cannot read properties of null (reading 'id')"], "of the worker that fails");
  const outside = requests.filter((url) => !/^(file|blob):/.test(url));
  assert.deepEqual(outside, [], "the page loads something");

  const refused = await page.evaluate(
    () =>
      new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        fetch("http://127.0.0.1:9/").catch(() => {});
      }),
  );
  assert.equal(refused, "connect-src");
}

/** Fails if the step does not end. Counts seconds, because a timeout includes those of a pause. */
async function endHang(name, step) {
  let seconds = 0;
  let timer;
  const hang = new Promise((_, reject) => {
    timer = setInterval(() => ++seconds === MOST_SECONDS && reject(new Error(`${name} hangs`)), 1000);
  });
  await Promise.race([step, hang]).finally(() => clearInterval(timer));
}

/** Opens the page; with a fragment, with these bytes. Waits for the explanation. */
async function open(page, fragment = "") {
  await load(page, fragment);
  const explained = await page.evaluate(() => performance.getEntriesByName("explained").length);
  assert(explained > 0, await page.locator("#verdict").textContent());
}

/** Opens the page, and waits for any answer. */
async function load(page, fragment) {
  await page.goto("about:blank"); // another fragment alone would not load the page
  await page.goto(pathToFileURL(pageFile) + fragment);
  await page.waitForFunction(() => !asking);
}

function verdict(page) {
  return page.locator("#verdict strong").textContent();
}

/** Waits for the answer to the last input, until the verdict has this word. */
async function expectVerdict(page, word) {
  await page.waitForFunction((word) => !asking && document.querySelector("#verdict strong").textContent === word, word);
}

/** The median of the times to the first explanation, and to the ones after it. */
async function measure(page) {
  const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
  const first = [];
  for (let round = 0; round < 7; round++) {
    await open(page, `#hex=${WILL}`);
    first.push(await page.evaluate(() => performance.getEntriesByName("explained")[0].startTime));
  }
  const next = await page.evaluate(async () => {
    const times = [];
    for (let round = 0; round < 50; round++) {
      const start = performance.now();
      await update();
      times.push(performance.now() - start);
    }
    return times;
  });
  console.log(`page: first explanation after ${median(first).toFixed(0)} ms, the others after ${median(next).toFixed(1)} ms`);
}

/** Explains inputs in the page, without showing the result. */
function ask(page, questions) {
  return page.evaluate(async (questions) => {
    const answers = [];
    for (const { inputs, version = 0, side = 0 } of questions) {
      const bytes = inputs.map((it) => (Array.isArray(it) ? Uint8Array.from(it) : new TextEncoder().encode(it)));
      answers.push(await window.ask({ inputs: bytes, version, side, secrets: false }));
    }
    return answers;
  }, questions);
}

/** The output of the program, and its exit status in words. */
function runProgram(args) {
  const names = ["valid", "invalid", "incomplete", "not_mqtt"];
  const options = { encoding: "utf8", maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "pipe"] };
  try {
    return { lines: execFileSync(program, ["--json", ...args], options), status: names[0] };
  } catch (error) {
    if (error.status >= names.length) throw error;
    return { lines: error.stdout, status: names[error.status] };
  }
}

function parse(lines) {
  return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

function assertSame(name, answer, args) {
  const expected = runProgram(args);
  assert.equal(answer.status, expected.status, `${name}: ${answer.error}`);
  // the program does not print the member "page"
  const packets = parse(answer.lines).map(({ page, ...others }) => others);
  assert.deepEqual(packets, parse(expected.lines), name);
}

async function compareVectors(page) {
  const cases = [];
  const levels = { "3.1": 3, "3.1.1": 4, "5.0": 5 };
  const join_wire = (fields) => fields.map(([hex]) => hex).join("");
  const save = (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const both = (name, version, client, server) => {
    // an empty second input means that there is no other direction
    if (client.length === 0 || server.length === 0) return;
    const args = ["--c2s", save("c2s", client), "--s2c", save("s2c", server)];
    if (version) args.push("--mqtt", version);
    cases.push({ name, inputs: [client.toString("hex"), server.toString("hex")], version: levels[version] ?? 0, files: [client, server], args });
  };
  for (const path of readdirSync(vectors, { recursive: true }).filter((it) => /valid\/.*\.json$/.test(it)).sort()) {
    const vector = JSON.parse(readFileSync(join(vectors, path), "utf8"));
    for (const version of vector.versions) {
      if (vector.packets) {
        const of = (side) => vector.packets.filter((it) => it.from === side).map((it) => join_wire(it.wire)).join("");
        both(path, version, Buffer.from(of("client"), "hex"), Buffer.from(of("server"), "hex"));
      } else {
        const from = vector.direction === "client-to-server" ? "client" : "server";
        const hex = join_wire(vector.wire);
        cases.push({ name: path, inputs: [hex], version: levels[version], side: from === "client" ? 1 : 2, args: ["--mqtt", version, "--from", from, hex] });
        cases.push({ name: `${path}, detected`, inputs: [hex], args: [hex] });
      }
    }
  }
  for (const name of readdirSync(join(vectors, "streams")).filter((it) => it.endsWith(".c2s.bin"))) {
    const client = readFileSync(join(vectors, "streams", name));
    const server = readFileSync(join(vectors, "streams", name.replace("c2s", "s2c")));
    both(`streams/${name}`, null, client, server);
  }
  const started = Date.now();
  const answers = await ask(page, cases);
  const elapsed = Date.now() - started;
  for (const [index, { name, args, files }] of cases.entries()) {
    if (files) {
      save("c2s", files[0]);
      save("s2c", files[1]);
    }
    assertSame(name, answers[index], args);
  }
  console.log(`page: ${cases.length} inputs explained like the program does it, in ${elapsed} ms`);
  assert(cases.length > 1500);
}

/** A capture of raw IP packets: a client connects, and the server accepts. */
function capture() {
  const packet = (fromClient, sequence, payload) => {
    const bytes = Buffer.alloc(40 + payload.length);
    bytes.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    bytes.writeUInt16BE(bytes.length, 2);
    bytes.writeUInt16BE(fromClient ? 40000 : 1883, 20);
    bytes.writeUInt16BE(fromClient ? 1883 : 40000, 22);
    bytes.writeUInt32BE(sequence, 24);
    bytes.set([0x50, 0x18], 32);
    bytes.set(payload, 40);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(bytes.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([head, bytes]);
  };
  const head = Buffer.from("d4c3b2a1020004000000000000000000ffff000065000000", "hex");
  return Buffer.concat([
    head,
    packet(true, 1, Buffer.from(CONNECT, "hex")),
    packet(false, 1, Buffer.from("20020000", "hex")),
    packet(true, 1 + CONNECT.length / 2, Buffer.from("300500016268ffc0", "hex")),
  ]);
}

async function compareCapture(page) {
  const path = join(folder, "test.pcap");
  writeFileSync(path, capture());
  const [answer] = await ask(page, [{ inputs: [[...capture()]] }]);
  assertSame("a capture", answer, ["--file", path]);
  assert(parse(answer.lines).length >= 3);
}

async function useThePage(page) {
  await open(page);
  assert.equal(await verdict(page), "Invalid", "the first example");
  await page.screenshot({ path: join(screenshots, "light.png"), fullPage: true });

  // paste into the box, which selects the example
  await page.focus("#client");
  await page.keyboard.insertText("10 0d 0004 4d515454 04 0a 003c 0001 70");
  await expectVerdict(page, "Invalid");

  // a field shows its bytes, and a byte shows its fields
  await page.locator(".row", { hasText: "Keep Alive" }).hover();
  const offsets = () => page.locator(".byte.on").evaluateAll((all) => all.map((it) => Number(it.dataset.offset)));
  assert.deepEqual(await offsets(), [10, 11]);
  await page.locator('[data-key="byte-12"]').hover();
  assert.match((await page.locator(".row.on").allTextContents()).join(), /Client Identifier/);

  // a rule opens
  const rule = page.locator("#findings details").first();
  await rule.locator("summary").click();
  assert.match(await rule.locator("p").textContent(), /If the Will Flag is 0, Will QoS is 0/);

  // the Connect Flags
  const will = page.locator(".bit", { hasText: "Will QoS, bit 0" });
  await will.click();
  await expectVerdict(page, "Valid");
  assert.equal((await page.inputValue("#client")).replace(/\s/g, "").toLowerCase(), CONNECT);
  await page.locator(".bit", { hasText: "Reserved" }).click();
  await expectVerdict(page, "Invalid");
  await page.locator("#findings button").click();
  await expectVerdict(page, "Valid");

  // by keyboard: move to a byte, and type another value
  await page.locator('[data-key="byte-9"]').focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.offset), "8");
  await page.keyboard.type("05");
  await expectVerdict(page, "Invalid");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.offset), "8", "the focus stays");
  await page.keyboard.type("04");
  await expectVerdict(page, "Valid");
  await page.locator("#fields .row").first().focus();
  await page.keyboard.press("End");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Client Identifier/);
  await page.keyboard.press("Home");

  // delete a byte, and insert one
  await page.locator('[data-key="byte-9"]').click();
  await page.locator('[data-key="delete"]').click();
  await expectVerdict(page, "Incomplete");
  await page.locator('[data-key="insert"]').click();
  await expectVerdict(page, "Valid"); // the answer replaces the box for the value
  await page.locator('[data-key="value"]').fill("02");
  await expectVerdict(page, "Valid");

  // the version and the side
  await page.selectOption("#version", "5.0");
  await expectVerdict(page, "Invalid");
  const link = await page.inputValue("#link");
  assert.match(link, new RegExp(`#hex=${CONNECT}&mqtt=5.0$`));
  await open(page, link.slice(link.indexOf("#")));
  assert.equal(await verdict(page), "Invalid");
  assert.equal(await page.inputValue("#version"), "5");
  await page.selectOption("#version", "detect");
  await expectVerdict(page, "Valid");
  await page.selectOption("#side", "server");
  await expectVerdict(page, "Invalid");

  // both directions, and the link of both
  await open(page, `#c2s=${CONNECT}e000c000&s2c=20020000`);
  assert.equal(await verdict(page), "Invalid");
  assert.equal(await page.locator("#packets li").count(), 4);
  assert.match(await page.locator("#packets .bad").textContent(), /PINGREQ breaks a rule/);
  await page.locator('[data-key="packet-1"]').click();
  await page.locator('[data-key="byte-2"]').focus();
  await page.keyboard.type("01");
  assert.equal(await page.inputValue("#server"), "20 02 01 00");

  // the server alone
  await open(page, "#s2c=20020000");
  assert.equal(await verdict(page), "Valid");
  await page.locator('[data-key="byte-3"]').focus();
  await page.keyboard.type("06");
  await expectVerdict(page, "Invalid");
  assert.match(await page.inputValue("#link"), /#c2s=&s2c=20020006$/);

  // text of a peer is never HTML
  const topic = Buffer.from('<img src="x" onerror="document.title=1">').toString("hex");
  await open(page, `#hex=30${(2 + topic.length / 2).toString(16)}00${(topic.length / 2).toString(16)}${topic}`);
  assert.equal(await page.locator("img").count(), 0);
  assert.match(await page.locator("#fields").textContent(), /<img src=/);

  // a password is hidden until it is wanted
  await open(page, "#hex=101400044d51545404c2000000017000017500027077");
  assert.doesNotMatch(await page.locator("#packet").textContent(), /pw|70w/);
  assert.match(await page.locator('[data-key="byte-20"]').textContent(), /^··/);
  await page.check("#secrets");
  await page.waitForFunction(() => document.getElementById("fields").textContent.includes('"pw"'));

  // a dropped capture, and a file
  const bytes = [...capture()];
  await open(page);
  await page.evaluate((bytes) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(bytes)], "test.pcap"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: files }));
  }, bytes);
  await page.waitForFunction(() => !asking && document.querySelectorAll("#packets li").length >= 3);
  await page.locator('[data-key="byte-9"]').focus();
  await page.setInputFiles("#file", { name: "ping.bin", mimeType: "", buffer: Buffer.from("c000", "hex") });
  await page.waitForFunction(() => document.querySelectorAll(".byte").length === 2);
  assert.equal(await verdict(page), "Valid");

  // each example of the gallery has a verdict, and other bytes forget its version
  const count = await page.locator("#gallery button").count();
  assert.equal(count, 20);
  for (let number = 0; number < count; number++) {
    const title = await page.locator("#gallery b").nth(number).textContent();
    await page.locator("#gallery button").nth(number).click();
    await expectVerdict(page, title === "A CONNECT with everything" ? "Valid" : "Invalid");
    await page.locator("#clear").click();
    await expectVerdict(page, "Nothing to explain");
  }
}

async function surviveTrouble(page) {
  await open(page);
  const [trapped, after] = await ask(page, [{ inputs: ["c000", "", "no third input"] }, { inputs: ["c000"] }]);
  assert.match(trapped.error, /too much for the page/);
  assert.equal(after.status, "valid", "a new instance after a trap");

  // more than a megabyte
  await page.setInputFiles("#file", { name: "large", mimeType: "", buffer: Buffer.alloc((1 << 20) + 1) });
  await expectVerdict(page, "Cannot read this");
  // a megabyte of the smallest packets
  const started = Date.now();
  const small = Buffer.alloc(1 << 20, Buffer.from("c000", "hex"));
  await page.setInputFiles("#file", { name: "small", mimeType: "", buffer: small });
  await expectVerdict(page, "Valid");
  console.log(`page: 524,288 packets after ${Date.now() - started} ms`);

  // without an answer the page shows that, and another input does not wait for it
  await open(page);
  await page.evaluate(() => worker.terminate());
  await page.locator("#client").fill("c000");
  await page.waitForFunction(() => document.querySelector("#verdict strong").textContent === "Still working");
  await page.locator("#client").fill("c001");
  await expectVerdict(page, "Invalid");
  await page.locator("#client").fill("c000");
  await expectVerdict(page, "Valid");

  // a worker that fails gives an error, and the next question goes to another one
  const failed = await page.evaluate(() => {
    worker.onmessage = null;
    worker.postMessage(null);
    return window.ask({ inputs: [] });
  });
  assert.match(failed.error, /cannot run the page/);
  await page.locator("#client").fill("c001");
  await expectVerdict(page, "Invalid");
}

async function checkAccessibility(page) {
  for (const [name, colorScheme, width] of [["light", "light", 1000], ["dark", "dark", 1000], ["phone", "light", 360]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    for (const fragment of [`#hex=${WILL}`, `#c2s=${CONNECT}e000c000&s2c=20020000`, "#hex=zz"]) {
      await load(page, fragment);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map((it) => `${it.id}: ${it.nodes[0].html}`), [], `${name} ${fragment}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(overflow <= 0, `${name} ${fragment}: ${overflow} pixels too wide`);
    }
    await open(page, `#hex=${WILL}`);
    await page.locator(".row", { hasText: "Will QoS" }).first().hover();
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  }
  await pictureForReadme(page);
  console.log("page: no accessibility violation in light, dark and at 360 pixels");
}

/** The verdict and the bytes of the first example, for the README. */
async function pictureForReadme(page) {
  await page.setViewportSize({ width: 760, height: 1200 });
  await open(page);
  await page.locator("#findings summary").first().click();
  await page.locator(".row", { hasText: "Will QoS" }).first().hover();
  await page.evaluate(() => scrollTo(0, 0)); // boxes count from the visible part
  const top = (await page.locator("#result-title").boundingBox()).y;
  const bottom = (await page.locator(".row", { hasText: "Clean Session" }).boundingBox()).y;
  const clip = { x: 0, y: top, width: 760, height: bottom - top };
  await page.screenshot({ path: join(screenshots, "readme.png"), clip, fullPage: true });
}
