// How much there is of what: the answers of a store to whoever counts.

export interface Tally {
  collection: string;
  /** Live ones. */
  records: number;
  /** Payloads in the quarantine whose first change is to the collection. */
  quarantined: number;
}

/** A place in a collection: the records that have a stamp above this. */
export interface Behind {
  collection: string;
  stamp: number;
}

export interface UnreadTally {
  /** Tombstones included. */
  all: number;
  live: number;
}

export interface ConflictTally {
  collection: string;
  all: number;
  open: number;
}

export interface StoreCounts {
  scopes: number;
  /** Live records and tombstones of each collection, over all scopes. */
  collections: readonly { collection: string; records: number; tombstones: number }[];
  mutations: number;
  conflictsOpen: number;
  conflicts: number;
  quarantine: number;
  held: number;
  devices: number;
  /** Sum of the scopes' heads: the number of commits ever made. */
  commits: number;
  bytes: number;
}

export interface Unclaimed {
  collection: string;
  /** The group's fields, joined by a comma. */
  group: string;
  records: number;
}
