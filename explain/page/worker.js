"use strict";
// Runs the library beside the page, so that the page always reacts. The first message is the module.

let module;
let library;

onmessage = ({ data }) => {
  if (data instanceof WebAssembly.Module) {
    module = data;
    start();
  } else {
    postMessage({ id: data.id, ...explain(data) });
  }
};

onmessageerror = () => {
  throw new Error("a message cannot be read");
};

function start() {
  library = new WebAssembly.Instance(module).exports;
}

function explain({ inputs, version, side, secrets }) {
  try {
    inputs.forEach((bytes, number) => {
      const place = library.input(number, bytes.length); // may replace the buffer
      new Uint8Array(library.memory.buffer, place, bytes.length).set(bytes);
    });
    library.explain(version, side, secrets);
    const output = new Uint8Array(library.memory.buffer, library.output(), library.output_length());
    return JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(output));
  } catch (error) {
    start(); // the old instance may be in any state
    return { error: `This input is too much for the page, or it shows a bug (${error.message}).` };
  }
}
