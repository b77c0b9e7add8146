// One message on one line, whoever reads it: some readers of lines, Node's among them, end one at U+2028 and U+2029, too, which JSON
// leaves as they are.

export function jsonLine(message: object): string {
  const text = JSON.stringify(message).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  return `${text}\n`;
}

/** Ends the process when all that it said has been taken: at once, it would take along what a pipe had no room for. */
export function exitWhenTaken(): void {
  process.stdout.write('', () => process.exit(0));
}
