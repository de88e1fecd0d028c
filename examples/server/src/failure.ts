/** A reason not to start, told in one sentence and exit code 2. */
export class Failure extends Error {
  override readonly name = "Failure"
}
