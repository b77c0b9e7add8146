// A password for a command: typed twice and unseen, or one line of standard input. Nothing that is said here quotes it.

import { passwordCharsMin } from '../identity/password.ts';
import { CommandError } from './failure.ts';
import { exitCodes, type Terminal } from './terminal.ts';

type Asked = Pick<Terminal, 'asks' | 'secret'>;

/** Throws a CommandError for none, one that is too short, or two that differ. */
export async function readPassword(terminal: Asked, name: string): Promise<string> {
  const password = await terminal.secret(`Password of ${name}`);
  if (password === undefined) throw noPassword(terminal);
  if ([...password].length < passwordCharsMin)
    throw refused('password_short', {
      message: password === '' ? 'The password is empty.' : 'The password is too short.',
      help: `It has ${passwordCharsMin} characters at least.`,
    });
  if (!terminal.asks) return password;
  if ((await terminal.secret('The same once more')) === password) return password;
  throw refused('password_differs', { message: 'The two passwords differ.', help: 'Run the command again.' });
}

function noPassword({ asks }: Asked): CommandError {
  if (asks)
    return new CommandError('interrupted', {
      message: 'It was interrupted. Nothing was changed.',
      help: '',
      exit: exitCodes.interrupted,
    });
  return refused('password_missing', {
    message: 'Standard input holds no password.',
    help: 'Give it as one line, or run the command in a terminal, which asks for it.',
  });
}

function refused(code: string, told: { message: string; help: string }): CommandError {
  return new CommandError(code, told);
}
