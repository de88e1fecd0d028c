import { afterEach, expect, it, vi } from "vitest"
import { Retries } from "../../src/retries.ts"

afterEach(() => void vi.restoreAllMocks())

it("end after as many tries as the caller allows", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0)
  const retries = new Retries()
  expect([await retries.again(3), await retries.again(3), await retries.again(3)]).toEqual([true, true, false])
})

it("end after 30 seconds, however many tries are left", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0)
  const now = vi.spyOn(performance, "now").mockReturnValue(1_000)
  const retries = new Retries()
  now.mockReturnValue(31_000)
  expect(await retries.again(1_000)).toBe(true)
  now.mockReturnValue(31_001)
  expect(await retries.again(1_000)).toBe(false)
})
