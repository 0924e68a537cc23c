// Reads orders from the standard input, each a line of JSON; runs the `body` of each as an async function beside clients
// of its own, and prints one line of JSON for it: {value} or {kind, message, fields}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import * as buffers from "node:buffer";
import { webcrypto } from "node:crypto";

const require = createRequire(import.meta.url);
globalThis.File ??= buffers.File; // no globals before Node 20
globalThis.crypto ??= webcrypto;
const AsyncFunction = (async () => {}).constructor;

// Behind a proxy that ends TLS: what the client calls https arrives as http, and says so.
const behindTls = (url, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("X-Forwarded-Proto", "https");
  return fetch(String(url).replace(/^https:/, "http:"), { ...init, headers });
};

const done = async (order) => {
  const Replicate = require(`${order.packages}/replicate`);
  const OpenAI = require(`${order.packages}/${order.openai ?? "openai"}`);
  const replicate = new Replicate({ auth: order.token, baseUrl: order.url + order.mount, ...order.options });
  const openai = new OpenAI({ apiKey: order.token, baseURL: `${order.url}/openai/v1` });
  const names = { replicate, Replicate, openai, OpenAI, order, given: order.given, models: order.models, behindTls };
  try {
    const value = await new AsyncFunction(...Object.keys(names), order.body)(...Object.values(names));
    return { value: value ?? null };
  } catch (error) {
    const fields = {};
    for (const name of ["status", "code", "param", "type", "error", "name", "requestID"]) fields[name] = error[name];
    if (error.response) fields.status = error.response.status;
    return { kind: error.constructor.name, message: error.message, fields };
  }
};

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await done(JSON.parse(line))));
process.exit(0);
