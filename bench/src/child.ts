import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A process of this benchmark's own, which sends messages, and ends when it is disconnected. */
export interface Child {
  /** The next message. Throws if the process ends before. */
  readonly answer: () => Promise<unknown>
  readonly order: (message: object) => Promise<unknown>
  readonly stop: () => Promise<unknown>
}

/** `script` is a file beside this one. */
export const start = (script: string, args: readonly string[]): Child => {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [...args])
  const gone = once(child, "exit")
  const answer = async (): Promise<unknown> => {
    const ended = gone.then(([code, signal]) => Promise.reject(new Error(`${script} ${args} ended: ${code ?? signal}`)))
    const [message] = await Promise.race([once(child, "message"), ended])
    return message
  }
  return {
    answer,
    order: (message) => {
      if (child.connected) child.send(message)
      return answer()
    },
    stop: () => {
      // One that has ended by itself is not, and why it did is thrown by `answer`.
      if (child.connected) child.disconnect()
      return gone
    },
  }
}
