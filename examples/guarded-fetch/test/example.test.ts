import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, test } from "vitest"

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url))

const section = (out: string, title: string): readonly string[] => {
  const [, body = ""] = out.split(`${title}\n`)
  return (body.split("\n\n")[0] ?? "").split("\n").map((line) => line.trim())
}

test("the agent uses a secret that it never sees, in both ways, and nowhere but at the API", async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main])
  expect(stderr).toBe("")

  const ways = [
    ["What the agent sees, in this process with guarded fetch:", "RELEASE_REFUSED"],
    ["What the agent sees, in a sandbox with the forward endpoint:", "RELEASE_DENIED"],
  ] as const
  for (const [title, code] of ways) {
    const seen = section(stdout, title)
    const [, placeholder = ""] = seen[0]?.split("holds ") ?? []
    expect(placeholder).toMatch(/^sr-.*-TRACKER_TOKEN-/)
    expect(seen.slice(1)).toEqual([
      expect.stringMatching(/^GET https:\/\/api\.tracker\.example:\d+\/issues: 200 \[\{"id":7,"title":"A bug"\}\]$/),
      expect.stringContaining(`/echo: 200 {"authorization":"Bearer ${placeholder}"}`),
      `GET https://collector.example/: refused: ${code} host_not_allowed`,
      `GET https://api.tracker.example.evil.example/: refused: ${code} host_not_allowed`,
    ])
    expect(seen.join()).not.toContain("tracker-token")
  }

  const token = "authorization: Bearer tracker-token-of-the-example"
  expect(section(stdout, "What the API received:")).toEqual([
    `GET /issues, ${token}`,
    `GET /echo, ${token}`,
    `GET /issues, ${token}`,
    `GET /echo, ${token}`,
  ])
  const audited = section(stdout, "What the audit log says:")
  expect(audited.filter((line) => line.includes('"outcome":"allowed"'))).toHaveLength(4)
  expect(audited.filter((line) => line.includes('"outcome":"host_not_allowed"'))).toHaveLength(4)
})
