import { guard } from "./guard.ts"

/** Run with NODE_EXTRA_CA_CERTS: Node's own fetch, TLS and name resolution. Prints what it sees. */
const { fetch, placeholder } = guard()
const response = await fetch(process.argv[2] ?? "", { headers: { "x-key": placeholder("API_KEY") } })
console.log(
  JSON.stringify({ status: response.status, text: await response.text(), placeholder: placeholder("API_KEY") }),
)
