// Reads an order as JSON from the standard input, runs its `body` as an async function beside the clients, and prints
// one line of JSON: {value} or {kind, message, fields}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import * as buffers from "node:buffer";
import { webcrypto } from "node:crypto";

const order = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(import.meta.url);
globalThis.File ??= buffers.File; // no globals before Node 20
globalThis.crypto ??= webcrypto;

const Replicate = require(`${order.packages}/replicate`);
const OpenAI = require(`${order.packages}/${order.openai ?? "openai"}`);
const replicate = new Replicate({ auth: order.token, baseUrl: order.url + order.mount, ...order.options });
const openai = new OpenAI({ apiKey: order.token, baseURL: `${order.url}/openai/v1` });

// Behind a proxy that ends TLS: what the client calls https arrives as http, and says so.
const behindTls = (url, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("X-Forwarded-Proto", "https");
  return fetch(String(url).replace(/^https:/, "http:"), { ...init, headers });
};

const names = { replicate, Replicate, openai, OpenAI, order, given: order.given, models: order.models, behindTls };
const AsyncFunction = (async () => {}).constructor;
let told;
try {
  const value = await new AsyncFunction(...Object.keys(names), order.body)(...Object.values(names));
  told = { value: value ?? null };
} catch (error) {
  const fields = {};
  for (const name of ["status", "code", "param", "type", "error", "name", "requestID"]) fields[name] = error[name];
  if (error.response) fields.status = error.response.status;
  told = { kind: error.constructor.name, message: error.message, fields };
}
console.log(JSON.stringify(told));
