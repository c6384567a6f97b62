#!/usr/bin/env node
// MQTT.js. Install: npm install mqtt. Run: mqttspec client --exec 'node mqttspec/clients/mqttjs.js'
// in the folder that has node_modules, or with NODE_PATH.
const mqtt = require('mqtt')

const [host, port, version, scenario] = process.argv.slice(2)
const QOS = { 'publish-qos0': 0, 'publish-qos1': 1, 'publish-qos2': 2, 'publish-burst': 1, unsubscribe: 1, will: 0,
  'no-client-id': 0, 'reconnect-qos1': 1, 'reconnect-qos2': 2, 'reconnect-burst': 1 }
const listens = ['subscribe', 'ping', 'limits', 'authenticate', 'reconnect-subscribe'].includes(scenario)
const isBurst = scenario.endsWith('-burst')
if (!listens && !(scenario in QOS)) process.exit(127)

const keeps = scenario.startsWith('reconnect')
const options = {
  host, port, clientId: scenario === 'no-client-id' ? '' : 'mqttspec', clean: !keeps, resubscribe: false,
  keepalive: scenario === 'ping' ? 1 : 60, reconnectPeriod: keeps ? 50 : 0, connectTimeout: 60000,
  protocolId: version === '3.1' ? 'MQIsdp' : 'MQTT', protocolVersion: { 3.1: 3, '3.1.1': 4, '5.0': 5 }[version]
}
if (scenario === 'will') options.will = { topic: 'mqttspec/will', payload: 'gone', qos: 1, retain: true }
if (version === '5.0') {
  if (keeps) options.properties = { sessionExpiryInterval: 3600 }
  if (scenario === 'limits') {
    options.properties = { maximumPacketSize: 30, receiveMaximum: 1, topicAliasMaximum: 1, requestProblemInformation: false }
  }
  if (scenario === 'authenticate') {
    options.properties = { authenticationMethod: 'm' }
  }
}
const client = mqtt.connect(options)
if (scenario === 'authenticate') {
  client.handleAuth = (packet, callback) => callback(null, {
    cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm', authenticationData: Buffer.from('!') }
  })
}

let finished = false
const fail = error => { console.error(String(error)); client.end(true) }
const finish = () => { finished = true; client.end() }
const publish = (payload, next) => client.publish('mqttspec/out', payload,
  { qos: QOS[scenario], retain: isBurst }, error => error ? fail(error) : next())

client.once('connect', () => {
  if (listens) return client.subscribe('#', { qos: 2 }, error => error && fail(error))
  if (scenario === 'unsubscribe') {
    return client.subscribe('#', { qos: 2 }, error => error ? fail(error)
      : client.unsubscribe('#', error => error ? fail(error) : publish('1', finish)))
  }
  if (isBurst) {
    let open = 5
    for (let i = 0; i < 5; i++) publish('x'.repeat(500), () => --open || finish())
    return
  }
  publish('1', QOS[scenario] ? () => publish('2', finish) : finish)
})
client.on('message', (topic, payload) => {
  console.log(payload.toString())
  if (payload.toString() === 'end') finish()
})
client.on('error', fail)
client.on('close', () => { if (finished || !keeps) process.exit(finished ? 0 : 3) })
