// A mistake in the configuration, said in one line.

export type ConfigErrorCode = 'config_missing' | 'config_broken' | 'config_invalid';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: ConfigErrorCode;
  /** The option, such as `port` or `limits.idCharsMax`. */
  readonly field: string | undefined;
  readonly help: string;

  constructor(code: ConfigErrorCode, options: { message: string; help: string; field?: string | undefined }) {
    super(options.message);
    this.code = code;
    this.field = options.field;
    this.help = options.help;
  }
}

/** Throws for an option that the config file has wrong. */
export function fail(field: string, what: string, help = 'Mend it in the config file.'): never {
  throw new ConfigError('config_invalid', { field, message: `Config, ${field}: ${what}`, help });
}
