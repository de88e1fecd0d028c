/**
 * The wire protocol: frames, OP_MSG (`OP_MSG.md` of the drivers' specifications), and of the old opcodes OP_QUERY with
 * OP_REPLY, in which drivers send their first `hello`. No compression, no checksums, no TLS.
 */
import type { Socket } from "node:net"
import { BSON } from "mongodb"
import { type Doc, docOf } from "./values.ts"

const headerBytes = 16
const maxMessageBytes = 48_000_000
const opReply = 1
const opQuery = 2004
const opMsg = 2013

const moreToCome = 1 << 1
const exhaustAllowed = 1 << 16

export interface Request {
  readonly id: number
  readonly command: Doc
  readonly legacy: boolean
  readonly exhaustAllowed: boolean
  /** The client wants no answer (write concern 0). */
  readonly noReply: boolean
}

export class ProtocolError extends Error {}

const readDoc = (bytes: Buffer): Doc => docOf(BSON.deserialize(bytes), "a section")

const documentAt = (bytes: Buffer, at: number): Buffer => bytes.subarray(at, at + bytes.readInt32LE(at))

const zeroAt = (bytes: Buffer, at: number): number => {
  const end = bytes.indexOf(0, at)
  if (end === -1) throw new ProtocolError("a string has no end")
  return end
}

const parseMsg = (id: number, body: Buffer): Request => {
  const flags = body.readUInt32LE(0)
  if ((flags & 1) !== 0) throw new ProtocolError("checksums are not supported")
  let command: Doc = {}
  for (let at = 4; at < body.length; ) {
    const kind = body[at]
    const section = documentAt(body, at + 1)
    at += 1 + section.length
    if (kind === 0) {
      command = { ...command, ...readDoc(section) }
    } else if (kind === 1) {
      const end = zeroAt(section, 4)
      const documents: Doc[] = []
      for (let inner = end + 1; inner < section.length; ) {
        const document = documentAt(section, inner)
        documents.push(readDoc(document))
        inner += document.length
      }
      command = { ...command, [section.toString("utf8", 4, end)]: documents }
    } else throw new ProtocolError(`section of kind ${kind}`)
  }
  return {
    id,
    command,
    legacy: false,
    exhaustAllowed: (flags & exhaustAllowed) !== 0,
    noReply: (flags & moreToCome) !== 0,
  }
}

const parseQuery = (id: number, body: Buffer): Request => {
  const end = zeroAt(body, 4)
  const namespace = body.toString("utf8", 4, end)
  const command = { ...readDoc(documentAt(body, end + 9)), $db: namespace.split(".")[0] }
  return { id, command, legacy: true, exhaustAllowed: false, noReply: false }
}

export const parse = (frame: Buffer): Request => {
  const [id, opcode] = [frame.readInt32LE(4), frame.readInt32LE(12)]
  const body = frame.subarray(headerBytes)
  if (opcode === opMsg) return parseMsg(id, body)
  if (opcode === opQuery) return parseQuery(id, body)
  throw new ProtocolError(`opcode ${opcode}`)
}

let lastRequest = 0

/** The frame of an answer, and the number that it carries. */
export const answer = (
  responseTo: number,
  reply: Doc,
  legacy: boolean,
  more: boolean,
): { id: number; frame: Buffer } => {
  const doc = BSON.serialize(reply, { ignoreUndefined: true })
  const prefix = legacy ? Buffer.alloc(20) : Buffer.alloc(5)
  // OP_REPLY: flags (8: await capable), cursor id, starting from, number returned. OP_MSG: flags, section kind 0.
  if (legacy) {
    prefix.writeInt32LE(8, 0)
    prefix.writeInt32LE(1, 16)
  } else prefix.writeUInt32LE(more ? moreToCome : 0, 0)
  const header = Buffer.alloc(headerBytes)
  const id = ++lastRequest
  header.writeInt32LE(headerBytes + prefix.length + doc.length, 0)
  header.writeInt32LE(id, 4)
  header.writeInt32LE(responseTo, 8)
  header.writeInt32LE(legacy ? opReply : opMsg, 12)
  return { id, frame: Buffer.concat([header, prefix, doc]) }
}

/** The frames that arrive, in order; ends when the connection does. */
export async function* frames(socket: Socket): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let held = 0
  for await (const part of socket) {
    parts.push(part)
    held += part.length
    for (;;) {
      if (held < 4) break
      if (parts.length > 1 && (parts[0]?.length ?? 0) < 4) parts = [Buffer.concat(parts)]
      const size = parts[0]?.readInt32LE(0) ?? 0
      if (size < headerBytes || size > maxMessageBytes) throw new ProtocolError(`a message of ${size} bytes`)
      if (held < size) break
      const all = Buffer.concat(parts)
      // A copy, so that what is stored does not keep other messages alive.
      yield Buffer.from(all.subarray(0, size))
      parts = [all.subarray(size)]
      held -= size
    }
  }
}
