// What bodies, or answers, may take of memory together: they are counted while they are held, so that memory does not follow what
// peers send, nor how slowly they read.

export interface Budget {
  /** False: there is no room now. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createBudget(bytesMax: number): Budget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > bytesMax) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
  };
}
