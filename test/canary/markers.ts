/**
 * What is planted. Each marker repeats a short unit, so that a fragment of it is found as well; the units hold characters
 * that base64 and hex do not, so that nothing random looks like one (a token may not, and is longer instead).
 */
const units = {
  /** A secret's value in an environment. */
  value: "q^7~Kv",
  /** A secret's value in a vault. */
  vaultValue: "W~4xP^",
  note: "m^Zt~9",
  token: "h7QkX2Rb9",
  rootKey: "~Yd3^G",
  /** Given in the wrong place: as another field, as another type, in a body that is malformed. */
  stray: "B^u8~s",
  /** In the messages of storage and key providers that fail. */
  fault: "J~2r^N",
  /** Leaked on purpose, to see that the search finds it. */
  control: "e~L5^j",
} as const

export type MarkerName = keyof typeof units

export const unitOf = (name: MarkerName): string => units[name]

export const markerNames = ["value", "vaultValue", "note", "token", "rootKey", "stray", "fault", "control"] as const

export const marker = (name: MarkerName): string => units[name].repeat(8)

export const markedToken = `ek_live_${units.token.repeat(5).slice(0, 43)}`
export const markedRootKey = new Uint8Array(Buffer.from(units.rootKey.repeat(6).slice(0, 32)))
