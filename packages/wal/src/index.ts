// The public names of @waldb/wal, one by one.

export type { WalOptions } from './options.js';
export type { RecoveryReport } from './recovery/recover.js';
export { WalError, type WalErrorCode, type WalErrorDetail } from './wal-error.js';
export { WalLog } from './wal-log.js';
