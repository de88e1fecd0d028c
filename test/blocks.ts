/** A fenced code block of a document whose language is `ts`, `js` or `sh`. */
export interface Block {
  readonly language: "ts" | "js" | "sh"
  /** `file:line` of the opening fence. */
  readonly place: string
  readonly code: string
  /** Why the block is not run; `undefined` for one that is. */
  readonly notRun: string | undefined
}

const isLanguage = (word: string | undefined): word is Block["language"] =>
  word === "ts" || word === "js" || word === "sh"

/** The blocks of a Markdown text, in its order. The convention of the fences is in CONTRIBUTING.md. */
export function blocksOf(file: string, markdown: string): readonly Block[] {
  const blocks: Block[] = []
  for (const match of markdown.matchAll(/^(`{3,})(\w*) *(.*)\n([\s\S]*?)^\1$/gm)) {
    const [, , language, info = "", code = ""] = match
    if (!isLanguage(language)) continue
    const place = `${file}:${markdown.slice(0, match.index).split("\n").length}`
    blocks.push({ language, place, code, notRun: reasonNotToRun(language, info, code, place) })
  }
  return blocks
}

function reasonNotToRun(language: Block["language"], info: string, code: string, place: string): string | undefined {
  if (language === "sh" && /^npm /m.test(code)) return "npm commands are covered by the test run itself"
  const reason = /^no-run +(.+)$/.exec(info)?.[1]
  if (info !== "" && reason === undefined)
    throw new Error(`${place}: expected nothing or "no-run <reason>" after the language, not "${info}"`)
  return reason
}
