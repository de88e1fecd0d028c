import type { StoredRecord } from "@strongroom/core"

/** In a string each character is a byte: at most U+00FF. A record is stored as its revision, and then its bytes. */
export type Argument = string | number | StoredRecord

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** How a command of `count` arguments begins whose first are these: https://redis.io/docs/latest/develop/reference/protocol-spec. */
export const headOf = (count: number, first: readonly string[]): string => `*${count}\r\n${first.map(bulk).join("")}`

/** A whole command: a copy, since the caller may reuse what it handed in. ioredis would measure and copy each argument thrice. */
export const encodeCommand = (head: string, rest: readonly Argument[]): Buffer => {
  const pieces: (string | Uint8Array)[] = []
  let text = head
  let size = 0
  const end = (piece: Uint8Array) => {
    pieces.push(text, piece)
    size += text.length + piece.length
  }
  for (const argument of rest) {
    if (typeof argument === "object") {
      const { revision, bytes } = argument
      text += `$${revision.length + bytes.length}\r\n${revision}`
      end(bytes)
      text = "\r\n"
    } else text += bulk(`${argument}`)
  }
  end(new Uint8Array())
  const command = Buffer.allocUnsafe(size)
  let at = 0
  for (const piece of pieces) {
    if (typeof piece === "string") command.write(piece, at, "latin1")
    else command.set(piece, at)
    at += piece.length
  }
  return command
}
