import { readFile } from "node:fs/promises"
import { expect, it } from "vitest"
import { errorCodes } from "../../src/domain/errors.ts"

const page = await readFile(new URL("../../../../docs/errors.md", import.meta.url), "utf8")

/** By code: what stands between its heading and the next. */
const entries = new Map(
  page
    .split(/^(?=##)/m)
    .map((part) => /^### `(\w+)`\n([\s\S]*)$/.exec(part))
    .flatMap((match) => (match === null ? [] : [[match[1], match[2]] as const])),
)

it("docs/errors.md has an entry for every code, in the order of the list, and no other", () => {
  expect([...entries.keys()]).toEqual([...errorCodes])
})

it.each(errorCodes)("docs/errors.md says of %s what it means, what to do, and the HTTP status on both APIs", (code) => {
  const statuses = "(?:4\\d\\d|5\\d\\d)"
  expect(entries.get(code)).toMatch(
    new RegExp(`^\\n[A-Z][^]+\\.\\n\\n- Do: [^]+\\.\\n- HTTP: Enkryptify ${statuses}, Nairi ${statuses}[^]*\\.\\n`),
  )
})
