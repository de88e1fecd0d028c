import { expect } from "vitest"
import { contentsOf, run, type Tree } from "./server.ts"

/** Expects one sentence, exit code 2, nothing written, nothing of what was given repeated. */
export const refuses = async (tree: Tree, env: NodeJS.ProcessEnv, sentence: RegExp, secret?: string): Promise<void> => {
  const before = await contentsOf(tree.root)
  const { output, ended } = run(tree, env)
  expect(await ended).toBe(2)
  expect(output.out).toBe("")
  expect(output.err).toMatch(/^strongroom: [A-Z][^\n]*\.\n$/)
  expect(output.err).toMatch(sentence)
  if (secret !== undefined) expect(output.err).not.toContain(secret)
  expect(await contentsOf(tree.root)).toEqual(before)
}
