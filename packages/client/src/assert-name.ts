// Names that an application gives to what travels: scopes, devices, actors. The server refuses whole exchanges for a wrong one.

/** Throws a TypeError unless it is a text of 1 to `charsMax` characters without NUL and lone surrogates. */
export function assertName(what: string, name: unknown, charsMax: number): void {
  const fits = typeof name === 'string' && name.length > 0 && name.length <= charsMax;
  if (!fits || !name.isWellFormed() || name.includes('\0'))
    throw new TypeError(`${what} is a text of 1 to ${charsMax} characters, without NUL and lone surrogates.`);
}
