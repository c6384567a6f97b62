// A client on MQTT.js with the command line of examples/client.rs, but with a URL instead of an address.
// The first argument is the folder in which MQTT.js is installed.

import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const [folder, url, ...args] = process.argv.slice(2);
const mqtt = createRequire(`${folder}/`)("mqtt");

// parseArgs has no options with two values, so the two are joined
for (let at = 0; at < args.length; at += 1) {
  if (["--will", "--pub"].includes(args[at])) {
    args.splice(at + 1, 2, JSON.stringify(args.slice(at + 1, at + 3)));
  }
}
const { values } = parseArgs({
  args,
  options: {
    id: { type: "string" },
    version: { type: "string" },
    qos: { type: "string" },
    retain: { type: "boolean", default: false },
    will: { type: "string" },
    pub: { type: "string", multiple: true, default: [] },
    sub: { type: "string", multiple: true, default: [] },
  },
});
const protocol = {
  "3.1": { protocolId: "MQIsdp", protocolVersion: 3 },
  "3.1.1": { protocolId: "MQTT", protocolVersion: 4 },
  "5.0": { protocolId: "MQTT", protocolVersion: 5 },
}[values.version];
const qos = Number(values.qos);
const { retain } = values;

const settings = { ...protocol, clientId: values.id, keepalive: 30, reconnectPeriod: 0 };
if (values.will) {
  const [topic, payload] = JSON.parse(values.will);
  settings.will = { topic, payload, qos, retain };
}
const client = mqtt.connect(url, settings);
client.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
client.on("message", (topic, payload) => console.log(`${topic} ${payload}`));
client.on("connect", () => {
  for (const message of values.pub) {
    const [topic, payload] = JSON.parse(message);
    client.publish(topic, payload, { qos, retain });
  }
  for (const filter of values.sub) {
    client.subscribe(filter, { qos }, () => console.log("subscribed"));
  }
});
process.on("SIGINT", () => client.end(false, {}, () => process.exit(0)));
