/** How many things one key does at the same time. */
export interface Slots {
  /** Gives the function that frees the slot, to be called once, or `undefined` where all are taken. */
  take(key: string): (() => void) | undefined
}

export const slots = (each: number): Slots => {
  const taken = new Map<string, number>()
  return {
    take(key) {
      const before = taken.get(key) ?? 0
      if (before >= each) return undefined
      taken.set(key, before + 1)
      return () => {
        const now = (taken.get(key) ?? 1) - 1
        if (now === 0) taken.delete(key)
        else taken.set(key, now)
      }
    },
  }
}
