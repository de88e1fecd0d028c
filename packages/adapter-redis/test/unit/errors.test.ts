import { inspect } from "node:util"
import { ReplyError } from "ioredis"
import { expect, it } from "vitest"
import { commitFailure, isRefusal, readFailure } from "../../src/errors.ts"

const secret = "hunter2"
const replied = (text: string): Error => Object.assign(new ReplyError(text), { command: { args: [secret] } })
const sha = "0123456789abcdef".repeat(3).slice(0, 40)

// What Redis 7 really says.
const refused: [string, string][] = [
  ["LOADING Redis is loading the dataset in memory", "UNAVAILABLE"],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "UNAVAILABLE"],
  ["CLUSTERDOWN The cluster is down", "UNAVAILABLE"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "UNAVAILABLE"],
  ["BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "UNAVAILABLE"],
  ["READONLY You can't write against a read only replica.", "UNAVAILABLE"],
  ["MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "UNAVAILABLE"],
  ["NOREPLICAS Not enough good replicas to write.", "UNAVAILABLE"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "UNAVAILABLE"],
  ["ERR max number of clients reached", "UNAVAILABLE"],
  ["NOAUTH Authentication required.", "FATAL"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "FATAL"],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "FATAL"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "FATAL"],
  ["CROSSSLOT Keys in request don't hash to the same slot", "FATAL"],
]

for (const [text, code] of refused) {
  it(`${text.split(" ", 1)} is ${code}, for a commit as for a read`, () => {
    const error = replied(text)
    expect(isRefusal(error)).toBe(true)
    expect([commitFailure(error).code, readFailure(error).code]).toEqual([code, code])
    // A cluster's client tells of it in words of its own, after it has followed redirections.
    const last = new Error(`Too many Cluster redirections. Last error: ${error}`)
    expect([commitFailure(last).code, readFailure(last).code]).toEqual([code, code])
  })

  it(`${text.split(" ", 1)} from inside a script leaves a commit unknown`, () => {
    const error = replied(`${text} script: ${sha}, on @user_script:9.`)
    expect(isRefusal(error)).toBe(false)
    expect(commitFailure(error).code).toBe("UNKNOWN_OUTCOME")
  })
}

it("what is not known to be a refusal leaves a commit unknown", () => {
  const errors = [
    replied("ERR Error running script"),
    replied("NEWCODE of a later version"),
    new Error("Connection is closed."),
    new Error("Command timed out"),
    Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }),
    "no error at all",
  ]
  for (const error of errors) {
    expect(isRefusal(error)).toBe(false)
    expect(commitFailure(error).code).toBe("UNKNOWN_OUTCOME")
  }
  expect(errors.map((error) => readFailure(error).code)).toEqual([
    ...["FATAL", "FATAL"],
    ...["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"],
  ])
})

it("nothing of a command is told: not its arguments, not what a reply quotes of them", () => {
  const errors = [
    replied("WRONGTYPE Operation"),
    replied(`ERR unknown command 'EVALSHA', with args beginning with: '${secret}'`),
    replied(`ERR unknown command \`EVALSHA\`, with args beginning with: \`${secret}\``),
    Object.assign(new Error(`connect redis://:${secret}@host`), { code: "ECONNREFUSED" }),
  ]
  for (const error of errors) {
    for (const failure of [commitFailure(error), readFailure(error)]) {
      expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(secret)
    }
  }
  expect(errors.map((error) => readFailure(error).message)).toEqual([
    "Redis answered WRONGTYPE",
    "Redis answered ERR unknown command",
    "Redis answered ERR unknown command",
    "no connection to Redis that is ready (ECONNREFUSED)",
  ])
})
