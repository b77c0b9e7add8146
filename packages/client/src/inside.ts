// Whether a call comes from inside of a mutation's own work. Such a call would wait for the mutation's end, and the mutation for
// the call. Only the platform knows which of many calls under way this is; where it does not, the time limit of a mutation helps.

/** A value that follows the calls made within `run`, across awaits: `AsyncLocalStorage` of Node, `AsyncContext.Variable`. */
export interface AsyncVariable {
  run<Result>(value: unknown, work: () => Result): Result;
  get(): unknown;
}

export interface Inside {
  /** Runs the work of a mutation. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Whether the caller is work that has not ended. */
  isHere(): boolean;
}

export function createInside(variable: AsyncVariable | undefined): Inside {
  if (!variable) return { run: (work) => work(), isHere: () => false };
  return {
    async run(work) {
      const mutation: Mutating = { over: false };
      try {
        return await variable.run(mutation, work);
      } finally {
        // What the work has started and left running may call the replica now.
        mutation.over = true;
      }
    },
    isHere() {
      const mutation = variable.get() as Mutating | undefined;
      return mutation !== undefined && !mutation.over;
    },
  };
}

interface Mutating {
  over: boolean;
}
