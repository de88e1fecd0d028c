import type { Clause } from "../clause.ts"
import { randomHistories } from "../histories/random-histories.ts"
import { seed } from "../property.ts"

const runs = 100

export const histories: readonly Clause[] = [
  {
    id: "histories",
    title: "answers random calls that run at the same time as if they had run one after the other",
    run: (subject) => randomHistories([subject.storage], { runs, seed: seed(), partition: () => subject.partition() }),
  },
  {
    id: "clients-histories",
    title: "answers random calls of two clients at the same time as if they had run one after the other",
    needs: "second",
    async run(subject) {
      const clients = [subject.storage, await subject.second()]
      await randomHistories(clients, { runs, seed: seed(), partition: () => subject.partition() })
    },
  },
]
