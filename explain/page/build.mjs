// Puts the page together: node build.mjs WASM_GZ OUTPUT
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const [wasm, output] = process.argv.slice(2);
const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const hash = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** A vector as the input of the page. */
function example({ title, vector }) {
  const { comment, versions, direction, wire, packets } = JSON.parse(read(`../../spec-vectors/${vector}.json`));
  const bytes = (fields) => fields.map(([hex]) => hex).join("").toUpperCase().match(/../g).join(" ");
  const from = (side) => bytes(packets.filter((it) => it.from === side).flatMap((it) => it.wire));
  const version = { "3.1": "3", "3.1.1": "4", "5.0": "5" }[versions[0]];
  const input = packets
    ? { client: from("client"), server: from("server"), version: "0" }
    : { client: bytes(wire), version, side: direction === "client-to-server" ? "1" : "2" };
  return { title, comment, label: versions[0], ...input };
}

/** Bytes as text: 13 bits in two of 91 letters, which is shorter than base64. "|" is for "<". */
function letters(bytes) {
  const letter = (digit) => String.fromCharCode(33 + digit);
  let [text, bits, value] = ["", 0, 0];
  for (const byte of bytes) {
    value |= byte << bits;
    bits += 8;
    if (bits < 13) continue;
    const pair = value & 0x1fff;
    text += letter(pair % 91) + letter(Math.floor(pair / 91));
    value >>= 13;
    bits -= 13;
  }
  // the last letter alone has six bits
  if (bits > 0) text += letter(value % 91);
  if (bits > 6) text += letter(Math.floor(value / 91));
  return text.replaceAll("<", "|");
}

const parts = {
  style: read("page.css"),
  script: read("page.js"),
  worker: read("worker.js"),
  vectors: JSON.stringify(JSON.parse(read("gallery.json")).map(example)),
  wasm: letters(readFileSync(wasm)),
};
parts["style-hash"] = hash(parts.style);
parts["script-hash"] = hash(parts.script);
for (const [name, text] of Object.entries(parts)) {
  if (/<\/|<!--/.test(text)) throw new Error(`${name} would end its element`);
}
writeFileSync(output, read("index.html").replace(/@([a-z-]+)@/g, (_, name) => parts[name]));
