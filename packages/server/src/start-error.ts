// Why the server cannot start: one line for the operator, and what to do.

export type StartErrorCode =
  | 'data_unusable'
  | 'data_locked'
  | 'store_unusable'
  | 'port_taken'
  | 'port_denied'
  | 'host_unusable';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;
  readonly help: string;

  constructor(code: StartErrorCode, options: { message: string; help: string; cause?: unknown }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.help = options.help;
  }
}

/** What an attempt to listen threw, as a StartError; unchanged when it is none of the operator's mistakes. */
export function unusableAddress({ host, port }: { host: string; port: number }, error: unknown): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartError('port_taken', {
        message: `Port ${port} on ${host} is taken by another program.`,
        help: 'End that program, or name another port with --port (0 takes any free one).',
        cause: error,
      });
    case 'EACCES':
      return new StartError('port_denied', {
        message: `This user may not listen on port ${port}.`,
        help: 'Name a port from 1024 with --port.',
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return new StartError('host_unusable', {
        message: `${host} is no address of this machine.`,
        help: 'Use --host 127.0.0.1 for this machine alone, or --host 0.0.0.0 for the local network.',
        cause: error,
      });
    default:
      return error;
  }
}
