"use strict";
// The page: reads the input, asks the worker, and shows the answer. Everything that comes from the
// input becomes text by `textContent`, never HTML.

const MOST_INPUT = 1 << 20; // bytes of a file
const MOST_TEXT = 3 * MOST_INPUT; // the same in hex with spaces
const MOST_LINK = 16000;
const MOST_BYTES = 1024; // shown in one packet
const MOST_ROWS = 1000;
const PATIENCE = 3; // seconds

const $ = (id) => document.getElementById(id);
const clientBox = $("client");
const serverBox = $("server");

/** A dropped file; the text boxes are empty then. */
let file = null;
/** Whether the text, the version and the side come from an example. */
let fromExample = false;
/** The last answer of the worker, and its packets and other events. */
let answer = null;
let events = [];
/** The event that is shown; -1 for the first one with a fault. */
let shown = -1;
/** The byte of its packet that can be edited; null for the one at fault. */
let edited = null;

// ---- the worker

/** Null after a failure. */
let worker = null;
let nextId = 1;
/** The functions that take the answers, by the number of the question. */
const waiting = new Map();

const compiled = compile();
startWorker();

async function compile() {
  const stream = new Blob([bytesOfLetters($("wasm").textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compileStreaming(new Response(stream, { headers: { "Content-Type": "application/wasm" } }));
}

/** Two of 91 letters are 13 bits: see build.mjs. */
function bytesOfLetters(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 6.5) / 8));
  const digit = (at) => (text[at] === "|" ? 27 : text.charCodeAt(at) - 33 || 0);
  for (let from = 0, at = 0, bits = 0, value = 0; from < text.length; from += 2) {
    value |= (digit(from) + 91 * digit(from + 1)) << bits;
    for (bits += 13; bits >= 8; bits -= 8, value >>= 8) bytes[at++] = value;
  }
  return bytes;
}

/** Starts a worker, instead of one that is busy. */
function startWorker() {
  worker?.terminate();
  answerAll({ error: "The page has stopped this." });
  const source = new Blob([$("worker").textContent], { type: "text/javascript" });
  const started = new Worker(URL.createObjectURL(source));
  started.onmessage = ({ data: { id, ...result } }) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  };
  started.onerror = ({ message }) => {
    worker = null;
    answerAll(cannotRun(message));
  };
  compiled.then((module) => started.postMessage(module), () => {});
  worker = started;
}

function answerAll(result) {
  for (const give of waiting.values()) give(result);
  waiting.clear();
}

const cannotRun = (reason) => ({ error: `This browser cannot run the page: ${reason}` });

/** Resolves to the explanation, or to an object with the member "error". */
async function ask(question) {
  if (!worker) startWorker();
  try {
    await compiled;
  } catch (error) {
    return cannotRun(error.message);
  }
  const id = nextId++;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker.postMessage({ id, ...question });
  });
}

// ---- from the input to an answer

let asking = false;
let askAgain = false;
/** How long the answer has been on its way. */
let seconds = 0;

/**
 * Explains the input. While an answer is on its way, only the latest input waits. Only another input
 * ends the wait for a late answer, because a slow machine needs its time.
 */
async function update() {
  askAgain = asking;
  if (asking) return checkPatience();
  asking = true;
  seconds = 0;
  // not a timeout: seconds in which the machine sleeps do not count
  const timer = setInterval(() => {
    seconds++;
    checkPatience();
  }, 1000);
  const question = readQuestion();
  const result = question.error || question.inputs.length === 0 ? question : await ask(question);
  clearInterval(timer);
  asking = false;
  if (askAgain) update();
  else show(result);
}

function checkPatience() {
  if (askAgain && seconds >= PATIENCE && waiting.size > 0) {
    startWorker();
  } else if (seconds === PATIENCE) {
    showWords("busy", "Still working", "This takes long. Wait for the answer, or change the input.");
  }
}

function readQuestion() {
  const encoder = new TextEncoder();
  const client = file ?? encoder.encode(clientBox.value.trim() && clientBox.value);
  const server = encoder.encode(serverBox.value.trim() && serverBox.value);
  if (client.length + server.length > (file ? MOST_INPUT : MOST_TEXT)) {
    return { error: "More than a megabyte is too much for the page. The program mqtt-explain has no limit." };
  }
  return {
    inputs: client.length + server.length === 0 ? [] : [client, server],
    version: Number($("version").value),
    side: Number($("side").value),
    secrets: $("secrets").checked,
  };
}

/** Replaces the input. Version and side are those of the select boxes. */
function setInput({ client = "", server = "", version = "0", side = "0", example = false }) {
  file = null;
  clientBox.value = client;
  serverBox.value = server;
  $("directions").open = server !== "";
  $("version").value = version;
  $("side").value = side;
  fromExample = example;
  forgetSelection();
  update();
}

/** The version and side of an example are not meant for other bytes. */
function forgetExample() {
  if (!fromExample) return;
  fromExample = false;
  $("version").value = $("side").value = "0";
}

function forgetSelection() {
  shown = -1;
  edited = null;
}

async function openFile(dropped) {
  if (!dropped) return;
  forgetExample();
  clientBox.value = serverBox.value = "";
  forgetSelection();
  const opening = (file = new Uint8Array(dropped.size > MOST_INPUT ? MOST_INPUT + 1 : 0));
  try {
    const bytes = opening.length > 0 ? opening : new Uint8Array(await dropped.arrayBuffer());
    if (file !== opening) return; // another input came before
    file = bytes;
    update();
  } catch (error) {
    if (file === opening) show({ error: `The file cannot be read: ${error.message}` });
  }
}

// ---- edits

/** Replaces bytes of the packet that is shown. Of a capture, only this packet stays. */
function splice(offset, length, bytes) {
  const { page, stream_offset, dialect } = events[shown];
  const ofServer = dialect.from === "server";
  let streams = answer.streams;
  let at = stream_offset + offset;
  const keep = { version: $("version").value, side: $("side").value, example: fromExample };
  if (streams.length === 0) {
    streams = [page.hex];
    at = offset;
    const versions = { "3.1": "3", "3.1.1": "4", "5.0": "5" };
    keep.version = versions[dialect.version] ?? "0";
    keep.side = ofServer ? "2" : "1";
  }
  const number = streams.length === 2 && ofServer ? 1 : 0;
  const texts = streams.map((hex, index) => {
    const added = bytes.map(hexByte).join("");
    return spaced(index === number ? hex.slice(0, 2 * at) + added + hex.slice(2 * (at + length)) : hex);
  });
  const selection = [streams === answer.streams ? shown : -1, edited];
  setInput({ client: texts[0], server: texts[1], ...keep });
  [shown, edited] = selection;
}

const hexByte = (byte) => byte.toString(16).padStart(2, "0").toUpperCase();
const bytesOf = (hex) => (hex.match(/../g) ?? []).map((it) => parseInt(it, 16));
const spaced = (hex) => (hex.match(/.{1,32}/g) ?? []).map((it) => it.match(/../g).join(" ")).join("\n").toUpperCase();

// ---- the link

function linkHash() {
  const names = answer.streams.length === 2 ? ["c2s", "s2c"] : ["hex"];
  const parts = answer.streams.map((hex, index) => `${names[index]}=${hex}`);
  if ($("version").value !== "0") parts.push(`mqtt=${$("version").selectedOptions[0].text}`);
  if ($("side").value !== "0") parts.push(`from=${$("side").selectedOptions[0].text}`);
  return `#${parts.join("&")}`;
}

/** Reads the fragment of the address. Returns whether there are bytes in it. */
function readHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const client = hash.get("hex") ?? hash.get("c2s") ?? "";
  const server = hash.get("s2c") ?? "";
  if (!client && !server) return false;
  const choose = (id, name) => [...$(id).options].find((it) => it.text === hash.get(name))?.value ?? "0";
  const text = (it) => (/^([0-9a-f]{2})+$/i.test(it) ? spaced(it) : it);
  setInput({ client: text(client), server: text(server), version: choose("version", "mqtt"), side: choose("side", "from") });
  return true;
}

// ---- showing the answer

const STATUS = { valid: "Valid", incomplete: "Incomplete", invalid: "Invalid", not_mqtt: "Not MQTT" };

function show(result) {
  const focus = document.activeElement?.dataset.key;
  answer = result;
  events = (result.lines ?? "").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  if (!events[shown]?.page) shown = Math.max(0, events.findIndex(isBad));
  if (!events[shown]?.page) shown = events.findIndex((it) => it.page);
  showVerdict();
  $("notes").replaceChildren(...(result.notes ?? []).map((note) => element("li", { text: note })));
  $("notes").hidden = !result.notes?.length;
  showPackets();
  showPacket();
  const link = result.streams?.length ? location.href.replace(/#.*/s, "") + linkHash() : "";
  $("link").value = link.length > MOST_LINK ? "These bytes are too long for a link." : link;
  $("copy").textContent = "Copy";
  $("copy").disabled = link.length > MOST_LINK;
  $("share").hidden = link === "";
  $("report").hidden = !result.report;
  $("report").querySelector("pre").textContent = withoutColours(result.report ?? "");
  if (focus) document.querySelector(`[data-key="${focus}"]`)?.focus();
  if (events.length) performance.mark("explained");
}

const isBad = (event) => event.verdict === "reject" || event.breaches?.length > 0;

function showVerdict() {
  let [status, word, sentence] = ["none", "Nothing to explain", "Paste bytes, drop a file, or choose an example below."];
  if (answer.error) {
    [status, word, sentence] = ["error", "Cannot read this", answer.error];
  } else if (answer.status) {
    [status, word] = [answer.status, STATUS[answer.status]];
    const report = withoutColours(answer.report);
    if (report.startsWith("VALID IN 3.1 ONLY")) word = "Valid in 3.1 only";
    if (events.length === 1) sentence = events[0].page?.sentence ?? events[0].message;
    else if (events.length === 0) sentence = report.split("\n", 1)[0];
    else sentence = totals();
  }
  showWords(status, word, sentence);
}

function showWords(status, word, sentence) {
  $("verdict").className = status;
  $("verdict").replaceChildren(element("strong", { text: word }), element("span", { text: sentence }));
}

/** "3 packets: 1 refused, 1 breaks a rule of the conversation" */
function totals() {
  const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const connections = new Set(events.map((it) => it.connection)).size;
  const refused = events.filter((it) => it.verdict === "reject").length;
  const breaking = events.filter((it) => it.breaches?.length > 0).length;
  const websocket = events.filter((it) => it.event === "fault").length;
  const faults = [];
  if (refused > 0) faults.push(`${refused} refused`);
  if (breaking > 0) faults.push(`${breaking} ${breaking === 1 ? "breaks" : "break"} a rule of the conversation`);
  if (websocket > 0) faults.push(`${count(websocket, "rule")} of WebSocket broken`);
  const packets = count(events.filter((it) => it.page).length, "packet");
  return (connections > 1 ? `${connections} connections, ` : "") + [packets, faults.join(", ")].filter(Boolean).join(": ");
}

const withoutColours = (text) => text.replace(/\x1b\[[0-9;]*m/g, "");

function showPackets() {
  const items = events.map((event, index) => {
    const arrow = event.dialect?.from ?? event.from;
    const parts = [element("span", { class: "arrow", text: arrow === "server" ? "← " : "→ ", hidden: true })];
    parts.push(element("span", { text: `${arrow ?? ""} `, class: "spoken" }));
    const connection = event.connection !== events[index - 1]?.connection && event.connection;
    if (connection) parts.unshift(element("small", { text: `${connection} `, class: "connection" }));
    if (event.seconds !== undefined) parts.push(element("small", { text: `${event.seconds.toFixed(6)} s ` }));
    const length = event.length === undefined ? "" : `, ${event.length} bytes`;
    const text = event.page?.sentence ?? event.message ?? event.verdict + length;
    parts.push(document.createTextNode(text));
    if (isBad(event)) parts.push(element("em", { text: event.verdict === "reject" ? " invalid" : " breaks a rule" }));
    const button = element("button", { type: "button", children: parts, key: `packet-${index}` });
    button.disabled = !event.page;
    if (index === shown) button.setAttribute("aria-current", "true");
    button.onclick = () => {
      shown = index;
      edited = null;
      show(answer);
    };
    return element("li", { class: isBad(event) || event.event === "fault" ? "bad" : "", children: [button] });
  });
  $("packets").hidden = items.length < 2;
  $("packets").querySelector("ol").replaceChildren(...(items.length < 2 ? [] : items));
}

function showPacket() {
  const event = events[shown];
  $("packet").hidden = !event?.page;
  if (!event?.page) return;
  const bytes = bytesOf(event.page.hex);
  const fault = event.error?.offset ?? null;
  const flags = event.page.rows.find(isConnectFlags);
  edited = Math.min(edited ?? fault ?? flags?.offset ?? 0, Math.max(0, bytes.length - 1));
  showBytes(event, bytes, fault);
  showEditors(event, bytes);
  showFindings(event.page);
  showRows(event.page.rows.slice(0, MOST_ROWS), event.page.rows.length);
  rove($("bytes"), `byte-${edited}`);
  rove($("fields"), "row-0");
}

function showBytes({ page }, bytes, fault) {
  const secret = new Set(page.secret);
  const start = fault !== null && fault >= MOST_BYTES ? (fault - MOST_BYTES / 2) & ~15 : 0;
  const part = bytes.slice(start, start + MOST_BYTES);
  const owners = ownersOf(page.rows, bytes.length);
  const lines = [];
  for (let at = start; at < start + part.length; at += 8) {
    const cells = [element("span", { class: "offset", text: String(at), hidden: true })];
    for (let offset = at; offset < Math.min(at + 8, start + part.length); offset++) {
      const byte = bytes[offset];
      const isSecret = secret.has(offset);
      const letter = !isSecret && byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
      const cell = element("button", { type: "button", class: "byte", key: `byte-${offset}` });
      const spoken = `, byte ${offset}, ${owners[offset]?.name ?? ""}${offset === fault ? ", at fault" : ""}`;
      cell.append(isSecret ? "··" : hexByte(byte), element("small", { text: letter, hidden: true }));
      cell.append(element("span", { class: "spoken", text: spoken }));
      cell.classList.toggle("fault", offset === fault);
      cell.dataset.offset = offset;
      cells.push(cell);
    }
    lines.push(element("span", { class: "line", children: cells }));
  }
  if (part.length < bytes.length) {
    lines.push(element("p", { text: `Bytes ${start} to ${start + part.length - 1} of ${bytes.length} are shown.` }));
  }
  $("bytes").replaceChildren(...lines);
}

/** The innermost field of each byte. */
function ownersOf(rows, length) {
  const owners = new Array(length);
  for (const row of rows) if (row.bits === 255) owners.fill(row, row.offset, row.offset + row.length);
  return owners;
}

/** The bits of the Connect Flags, and the byte that was chosen. */
function showEditors(event, bytes) {
  const { rows } = event.page;
  const flags = rows.find(isConnectFlags);
  const boxes = [];
  if (flags) boxes.push(bitsEditor(flags.offset, bytes, rows, "Connect Flags"));
  const owner = ownersOf(rows, bytes.length)[edited];
  if (bytes.length > 0) boxes.push(byteEditor(edited, bytes, rows, owner?.name ?? "", edited === flags?.offset));
  $("editors").replaceChildren(...boxes);
}

const isConnectFlags = (row) => row.name === "Connect Flags" && row.bits === 255 && row.length === 1;

function bitsEditor(offset, bytes, rows, title) {
  const fields = rows.filter((row) => row.bits !== 255 && row.offset === offset);
  const buttons = [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => {
    const mask = 1 << bit;
    const isSet = (bytes[offset] & mask) !== 0;
    const field = fields.find((row) => row.bits & mask);
    const hasOthers = field && field.bits !== mask;
    const place = field && Math.log2(mask / (field.bits & -field.bits));
    const name = field ? field.name + (hasOthers ? `, bit ${place}` : "") : `Bit ${bit}`;
    const button = element("button", { type: "button", class: "bit", key: `bit-${offset}-${bit}` });
    button.append(element("b", { text: isSet ? "1" : "0" }), ` ${name}`);
    button.setAttribute("aria-pressed", String(isSet));
    button.classList.toggle("fault", Boolean(field?.note));
    if (field) button.dataset.row = rows.indexOf(field);
    button.onclick = () => splice(offset, 1, [bytes[offset] ^ mask]);
    return button;
  });
  const legend = element("legend", { text: `${title}: byte ${offset}` });
  return element("fieldset", { class: "bits", children: [legend, ...buttons] });
}

function byteEditor(offset, bytes, rows, name, bitsAreShown) {
  const isSecret = events[shown].page.secret.includes(offset);
  const input = element("input", { class: "value", key: "value" });
  Object.assign(input, { value: isSecret ? "" : hexByte(bytes[offset]), maxLength: 2, size: 2, spellcheck: false });
  input.oninput = () => {
    if (/^[0-9a-f]{2}$/i.test(input.value)) splice(offset, 1, [parseInt(input.value, 16)]);
  };
  const insert = element("button", { type: "button", text: "Insert 00 before it", key: "insert" });
  insert.onclick = () => splice(offset, 0, [0]);
  const remove = element("button", { type: "button", text: "Delete it", key: "delete" });
  remove.onclick = () => splice(offset, 1, []);
  const value = element("label", { text: "Value in hex ", children: [input] });
  const legend = element("legend", { text: `Byte ${offset}: ${name}` });
  const controls = element("div", { class: "controls", children: [value, insert, remove] });
  const box = element("fieldset", { children: [legend, controls] });
  if (!bitsAreShown && !isSecret) box.append(...[...bitsEditor(offset, bytes, rows, "Bits").children].slice(1));
  return box;
}

function showFindings({ findings, nearest }) {
  const items = findings.map((finding, index) => {
    const label = element("span", { class: "label", text: finding.label });
    const buttons = finding.label === "nearest" ? nearest.values.map((value) => nearestButton(nearest.offset, value)) : [];
    if (!finding.rule) return element("p", { children: [label, element("span", { text: finding.text }), ...buttons] });
    const head = element("summary", { text: finding.text, key: `rule-${index}` });
    const rule = element("details", { children: [head, element("p", { text: finding.rule })] });
    return element("div", { class: "rule", children: [label, rule] });
  });
  $("findings").replaceChildren(...items);
}

function nearestButton(offset, value) {
  const text = `Set byte ${offset} to ${hexByte(value)}`;
  const button = element("button", { type: "button", text, key: `nearest-${value}` });
  button.onclick = () => splice(offset, 1, [value]);
  return button;
}

function showRows(rows, all) {
  const items = rows.map((row, index) => {
    const bits = row.bits === 255 ? [] : [element("span", { class: "bit-image", text: drawBits(row) })];
    const name = element("span", { class: "name", text: row.name });
    const parts = [element("span", { class: "offset", text: row.bits === 255 ? String(row.offset) : "" }), ...bits, name];
    if (row.text) parts.push(element("span", { class: "text", text: row.text }));
    if (row.note) parts.push(element("strong", { text: `◄ ${row.note}` }));
    const item = element("div", { class: "row", children: parts, key: `row-${index}` });
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", row.depth + 1);
    item.setAttribute("aria-selected", "false");
    item.style.setProperty("--depth", row.depth);
    item.dataset.row = index;
    return item;
  });
  $("fields-title").textContent = rows.length < all ? `Fields (the first ${rows.length} of ${all})` : "Fields";
  $("fields").replaceChildren(...items);
}

/** "..01 0..." */
function drawBits({ bits, offset }) {
  const byte = parseInt(events[shown].page.hex.slice(2 * offset, 2 * offset + 2), 16);
  const digits = [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (bits & (1 << bit) ? (byte >> bit) & 1 : "."));
  return `${digits.slice(0, 4).join("")} ${digits.slice(4).join("")}`;
}

// ---- bytes and fields that belong together

/** Marks the bytes of a field. */
function markRow(row) {
  for (const cell of $("bytes").querySelectorAll(".byte")) {
    const offset = Number(cell.dataset.offset);
    cell.classList.toggle("on", offset >= row.offset && offset < row.offset + row.length);
  }
  markRows((it) => it === row);
}

/** Marks a byte, and the fields that it belongs to. */
function markByte(offset) {
  const inside = (row) => offset >= row.offset && offset < row.offset + row.length;
  for (const cell of $("bytes").querySelectorAll(".byte")) {
    cell.classList.toggle("on", Number(cell.dataset.offset) === offset);
  }
  markRows(inside);
}

function markRows(belongs) {
  const { rows } = events[shown].page;
  for (const item of $("fields").querySelectorAll(".row")) {
    const isMarked = belongs(rows[item.dataset.row]);
    item.classList.toggle("on", isMarked);
    item.setAttribute("aria-selected", String(isMarked));
  }
}

function mark({ target }) {
  const item = events[shown]?.page && target.closest("[data-offset], [data-row]");
  if (item?.dataset.offset) markByte(Number(item.dataset.offset));
  else if (item) markRow(events[shown].page.rows[item.dataset.row]);
}

function choose({ target }) {
  const item = target.closest("[data-offset], .row");
  if (!item) return;
  const offset = Number(item.dataset.offset ?? events[shown].page.rows[item.dataset.row].offset);
  const { page } = events[shown];
  if (2 * offset >= page.hex.length) return;
  edited = offset;
  showEditors(events[shown], bytesOf(page.hex));
}

// ---- keys

/** Makes one item of a group reachable by Tab; the arrow keys reach the others. */
function rove(group, key) {
  const items = [...group.querySelectorAll("[data-key]")];
  const current = items.find((it) => it.dataset.key === key) ?? items[0];
  for (const item of items) item.tabIndex = item === current ? 0 : -1;
}

function moveFocus(group, from, step) {
  const items = [...group.querySelectorAll("[data-key]")];
  const to = items[Math.min(items.length - 1, Math.max(0, items.indexOf(from) + step))];
  rove(group, to.dataset.key);
  to.focus();
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8, Home: -Infinity, End: Infinity };
/** The first of two hex digits, and the byte that it is meant for. */
let typed = { digit: "", cell: null };

$("bytes").onkeydown = (event) => {
  const cell = event.target.closest(".byte");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = STEPS[event.key];
  if (step !== undefined) {
    event.preventDefault();
    moveFocus($("bytes"), cell, step);
  } else if (/^[0-9a-f]$/i.test(event.key)) {
    const digit = typed.cell === cell ? typed.digit : "";
    typed = { digit: digit ? "" : event.key, cell };
    if (!digit) return;
    edited = Number(cell.dataset.offset);
    splice(edited, 1, [parseInt(digit + event.key, 16)]);
  }
};

$("fields").onkeydown = (event) => {
  const { rows } = events[shown].page;
  const index = Number(event.target.dataset.row);
  const depth = rows[index].depth;
  const parent = rows.slice(0, index).findLastIndex((row) => row.depth < depth);
  const steps = {
    ArrowUp: -1,
    ArrowDown: 1,
    Home: -Infinity,
    End: Infinity,
    ArrowLeft: parent < 0 ? 0 : parent - index,
    ArrowRight: rows[index + 1]?.depth > depth ? 1 : 0,
  };
  if (event.key === "Enter" || event.key === " ") choose(event);
  else if (steps[event.key] === undefined) return;
  else moveFocus($("fields"), event.target, steps[event.key]);
  event.preventDefault();
};

// ---- small helpers

function element(name, { text = "", class: className = "", type, key, hidden, children = [] }) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (type) made.type = type;
  if (key) made.dataset.key = key;
  if (hidden) made.setAttribute("aria-hidden", "true");
  made.textContent = text;
  made.append(...children);
  return made;
}

// ---- what the user does

for (const box of [clientBox, serverBox]) {
  box.oninput = () => {
    file = null;
    forgetExample();
    forgetSelection();
    update();
  };
  box.onfocus = () => fromExample && box.select();
}
for (const id of ["version", "side"]) {
  $(id).onchange = () => {
    fromExample = false;
    update();
  };
}
$("secrets").onchange = update;
$("file").onchange = () => openFile($("file").files[0]);
$("clear").onclick = () => {
  setInput({});
  clientBox.focus();
};
$("to-gallery").onclick = () => {
  $("gallery-title").scrollIntoView();
  $("gallery-title").focus();
};
$("copy").onclick = async () => {
  $("link").select();
  await navigator.clipboard?.writeText($("link").value);
  $("copy").textContent = "Copied";
};
for (const id of ["bytes", "fields", "editors"]) {
  $(id).onmouseover = mark;
  $(id).addEventListener("focusin", mark);
}
$("bytes").onclick = $("fields").onclick = choose;
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  openFile(event.dataTransfer.files[0]);
};
onhashchange = readHash;

const vectors = JSON.parse($("vectors").textContent);
$("gallery").append(...vectors.map((vector) => {
  const parts = [element("b", { text: vector.title }), element("small", { text: `MQTT ${vector.label}` }), element("span", { text: vector.comment })];
  const button = element("button", { type: "button", children: parts });
  button.onclick = () => {
    setInput({ ...vector, example: true });
    $("result-title").scrollIntoView();
  };
  return button;
}));

if (!readHash()) setInput({ ...vectors[0], example: true });
